"""The families of requests. Names, types, help texts and labels are public API."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ldexp
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from monitoring.conf import DEFAULT_LATENCY_BUCKETS, get_settings
from monitoring.metrics import names
from monitoring.metrics.histogram import BisectHistogram
from monitoring.storage.exemplars import DIRECT_RECORDS
from monitoring.storage.fine_file import COUNTS
from monitoring.storage.values import SlotValue, value_of

# The bounds 2^(k/16) s of a native histogram of schema 4, from 2^-14 s to 2^7 s.
HIGHR_SCHEMA = 4
HIGHR_PER_DOUBLING = 2**HIGHR_SCHEMA
HIGHR_FIRST = -14 * HIGHR_PER_DOUBLING  # k of the lowest bound
HIGHR_BOUNDS = tuple(
    ldexp(2 ** (k % HIGHR_PER_DOUBLING / HIGHR_PER_DOUBLING), k // HIGHR_PER_DOUBLING)
    for k in range(HIGHR_FIRST, 7 * HIGHR_PER_DOUBLING + 1)
)
# Each bucket, with +Inf, has its own place in the exemplar and fine files, whose formats are fixed.
assert len(HIGHR_BOUNDS) + 1 == DIRECT_RECORDS == COUNTS

# The default latency buckets, and two more, because a full queue can mean long waits.
_QUEUE_BUCKETS = (*DEFAULT_LATENCY_BUCKETS, 30.0, 60.0)
_QUERIES_BUCKETS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)

# What a request's time is spent on; fields of HttpMetrics.
DB, CACHE, OUTGOING = "db_seconds", "cache_seconds", "outgoing_seconds"
_ENDPOINT = ["method", "route"]


class SpentSeries(dict[str, SlotValue]):
    """Where one method and route counts its time by subject, and its queries.

    Each series is made at its first use: most routes make no outgoing call, and many have no cache.
    """

    def __init__(self, metrics: "HttpMetrics", method: str, route: str) -> None:
        super().__init__()
        self._metrics = metrics
        self._labels = method, route

    def __missing__(self, subject: str) -> SlotValue:
        family: Counter = getattr(self._metrics, subject)
        value = self[subject] = value_of(family.labels(*self._labels))
        return value

    def writes(self, spent: Mapping[str, float], queries: int) -> list[tuple[SlotValue, float]]:
        """For the `add_all` of a request."""
        writes = [(self[subject], seconds) for subject, seconds in spent.items()]
        if queries:
            writes.append((self["db_queries"], float(queries)))
        return writes


@dataclass(frozen=True, slots=True)
class HttpMetrics:
    """What the middleware writes."""

    requests: Counter
    errors: Counter
    duration: BisectHistogram
    duration_highr: BisectHistogram
    in_progress: Gauge
    slow: Counter
    exceptions: Counter
    queue: BisectHistogram
    queries: BisectHistogram
    db_seconds: Counter
    cache_seconds: Counter
    outgoing_seconds: Counter
    db_queries: Counter


def build_http_metrics(
    registry: CollectorRegistry, latency_buckets: tuple[float, ...]
) -> HttpMetrics:
    common: dict[str, Any] = {"registry": registry}
    return HttpMetrics(
        requests=Counter(
            names.HTTP_REQUESTS,
            "HTTP requests answered.",
            ["method", "route", "status"],
            **common,
        ),
        errors=Counter(
            names.HTTP_ERRORS,
            "HTTP requests answered with a status of 400 or above.",
            ["method", "route", "status"],
            **common,
        ),
        duration=BisectHistogram(
            names.HTTP_REQUEST_DURATION_SECONDS.family,
            "Time from the first middleware to the last byte of the answer.",
            ["method", "route"],
            buckets=latency_buckets,
            **common,
        ),
        # Short, because prometheus-client stores the help text with each of the 338 buckets.
        duration_highr=BisectHistogram(
            names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.family,
            f"As {names.HTTP_REQUEST_DURATION_SECONDS.family}, finer.",
            buckets=HIGHR_BOUNDS,
            **common,
        ),
        in_progress=Gauge(
            names.HTTP_REQUESTS_IN_PROGRESS,
            "HTTP requests being answered now.",
            multiprocess_mode="livesum",
            **common,
        ),
        slow=Counter(
            names.HTTP_SLOW_REQUESTS,
            "HTTP requests that took at least SLOW_REQUEST_MS.",
            ["method", "route"],
            **common,
        ),
        exceptions=Counter(
            names.HTTP_EXCEPTIONS,
            "Exceptions that no code handled and Django answered with status 500.",
            ["type", "route"],
            **common,
        ),
        queue=BisectHistogram(
            names.HTTP_REQUEST_QUEUE_SECONDS.family,
            "Time from the proxy's X-Request-Start to the first middleware.",
            buckets=_QUEUE_BUCKETS,
            **common,
        ),
        queries=BisectHistogram(
            names.HTTP_REQUEST_QUERIES.family,
            "Database queries of a request.",
            buckets=_QUERIES_BUCKETS,
            **common,
        ),
        db_seconds=Counter(
            names.HTTP_REQUEST_DB_SECONDS,
            "Time of requests in database queries; those that overlap add up.",
            _ENDPOINT,
            **common,
        ),
        cache_seconds=Counter(
            names.HTTP_REQUEST_CACHE_SECONDS,
            "Time of requests in cache operations, without queries and calls within them.",
            _ENDPOINT,
            **common,
        ),
        outgoing_seconds=Counter(
            names.HTTP_REQUEST_OUTGOING_SECONDS,
            "Time of requests in outgoing HTTP calls; those that overlap add up.",
            _ENDPOINT,
            **common,
        ),
        db_queries=Counter(
            names.HTTP_REQUEST_DB_QUERIES,
            "Database queries of requests.",
            _ENDPOINT,
            **common,
        ),
    )


@cache
def http_metrics() -> HttpMetrics:
    """The families in prometheus-client's default registry, built at the first use."""
    return build_http_metrics(REGISTRY, get_settings().LATENCY_BUCKETS)
