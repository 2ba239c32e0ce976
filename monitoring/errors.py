"""This package's own errors. Each message says what is wrong, what is allowed or what to do.

The errors in `__all__` reach a project's code. The others are handled inside the package: they
become an HTTP answer, a log line or a count.
"""

__all__ = ["MetricsDirectoryError", "MonitoringError", "SettingsError"]


class MonitoringError(Exception):
    """Base of the errors in this module."""


class SettingsError(MonitoringError):
    """A key of `settings.MONITORING` is unknown or its value is not allowed."""


class MetricsDirectoryError(MonitoringError):
    """The metrics directory cannot be used safely."""


class ForeignDirectoryError(MetricsDirectoryError):
    """This user may not use the metrics directory; the user of the web server may."""


class NoFreeSlotError(MonitoringError):
    """Every slot of a role is taken by a live process."""


class DatabaseUnavailableError(MonitoringError):
    """A database did not answer in time, or refused. The message is for administrators."""


class RedisUnavailableError(MonitoringError):
    """A Redis server did not answer in time, or refused. The message is for administrators."""


class BrokerUnavailableError(MonitoringError):
    """Celery's broker cannot be asked. The message is for the log."""
