"""The family of outgoing HTTP calls."""

from functools import cache

from monitoring.conf import DEFAULT_LATENCY_BUCKETS
from monitoring.metrics import names
from monitoring.metrics.histogram import BisectHistogram

ERROR = "error"  # the `status_class` of a call without an answer

_BUCKETS = (*DEFAULT_LATENCY_BUCKETS, 30.0, 60.0)


@cache
def outgoing_duration() -> BisectHistogram:
    """The family, built at its first use."""
    return BisectHistogram(
        names.OUTGOING_HTTP_REQUEST_DURATION_SECONDS.family,
        "Time of outgoing HTTP calls until the headers of the answer.",
        ["host", "method", "status_class"],
        buckets=_BUCKETS,
    )
