"""Errors of our own on the request path: counted, and logged once in a while, never raised."""

import logging
import time

from monitoring.storage import own_counters, values

_LOG_EVERY_SECONDS = 60.0
_last_logged: dict[str, float] = {}

logger = logging.getLogger("monitoring")


def report_error(what: str) -> None:
    """Count the exception being handled and log it, at most once a minute for each `what`.

    `what` must be a fixed text: it is remembered.
    """
    values.drop(own_counters.INTERNAL_ERROR)
    now = time.monotonic()
    if now >= _last_logged.get(what, float("-inf")) + _LOG_EVERY_SECONDS:
        _last_logged[what] = now
        logger.exception("%s", what)
