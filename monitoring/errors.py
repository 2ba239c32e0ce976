"""The few errors of our own; each message says what was given, what is allowed, what to do.

Those in `__all__` reach a project's own code. The others end inside: as an answer, a log line or a
count.
"""

__all__ = ["MetricsDirectoryError", "MonitoringError", "SettingsError"]


class MonitoringError(Exception):
    """Base of every error this package raises on purpose."""


class SettingsError(MonitoringError):
    """A key of `settings.MONITORING` is unknown or its value is not allowed."""


class MetricsDirectoryError(MonitoringError):
    """The metrics directory cannot be used safely."""


class NoFreeSlotError(MonitoringError):
    """Every slot of a role is taken by a live process."""


class DatabaseUnavailableError(MonitoringError):
    """A database did not answer within the deadline, or refused; the text is for administrators."""


class RedisUnavailableError(MonitoringError):
    """A Redis server did not answer within the deadline, or refused; for administrators."""
