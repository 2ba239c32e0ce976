"""Errors of our own on the request path: counted, and logged once in a while, never raised."""

import logging

from monitoring.primitives.log_limit import LogLimit
from monitoring.storage import own_counters, values

_limit = LogLimit()

logger = logging.getLogger("monitoring")


def report_error(what: str) -> None:
    """Count the exception being handled and log it, at most once a minute for each `what`.

    `what` must be a fixed text: it is remembered.
    """
    values.drop(own_counters.INTERNAL_ERROR)
    if _limit.passes(what):
        logger.exception("%s", what)
