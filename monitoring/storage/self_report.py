"""Counts and logs monitoring's own errors instead of raising them."""

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
