"""Counts and logs monitoring's own errors instead of raising them."""

import errno
import sys

from monitoring.errors import MonitoringError
from monitoring.primitives.deadline import NoThreadError
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger
from monitoring.storage import own_counters, this_process

_limit = LogLimit()

logger = OwnLogger("monitoring")


def report_error(what: str) -> None:
    """Count the exception being handled and log it, at most once a minute for each `what`.

    `what` must be a fixed text, because it is kept for ever.
    """
    this_process.drop(own_counters.DROP_INTERNAL_ERROR)
    if _limit.passes(what):
        logger.exception("%s", what)


def report_failure(what: str, *outages: type[Exception]) -> None:
    """As `report_error`, for work that loses no count, such as a figure that is asked for later.

    What the surroundings do is no error of ours: a disk that is full or read-only, a service that
    does not answer, no more threads, and `outages`. It is one line in the log, and not counted.
    """
    error = sys.exception()
    is_outage = isinstance(error, (OSError, MonitoringError, NoThreadError, *outages))
    if isinstance(error, OSError) and error.errno == errno.EBADF:
        is_outage = False  # a descriptor of our own
    if error is None or not is_outage:
        report_error(what)
    elif _limit.passes(what):
        logger.warning("%s: %s", what, _words(error))


def _words(error: BaseException) -> str:
    """Without the text of errors of others, which may contain a URL with its password."""
    if isinstance(error, MonitoringError):
        return str(error)
    return getattr(error, "strerror", None) or type(error).__name__
