"""Loggers that a project's logging configuration cannot switch off by accident."""

import logging


class OwnLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that `disable_existing_loggers` does not silence.

    That is the default of dictConfig and fileConfig: it disables each logger that is made before
    and not named, such as ours in gunicorn's configuration. Levels, handlers and filters hold.
    """

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name), {})

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  (logging's name)
        self.logger.disabled = False
        return super().isEnabledFor(level)
