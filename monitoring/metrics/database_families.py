"""The families of databases: queries, connections, and psycopg's pools."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter, Gauge

from monitoring.metrics import names
from monitoring.metrics.foreign_families import DatabaseFamilies, database_families
from monitoring.metrics.histogram import BisectHistogram

# 4 buckets for each doubling, from 61 µs to 64 s.
QUERY_HIGHR_BOUNDS = tuple(2 ** (k / 4) for k in range(-14 * 4, 6 * 4 + 1))


@dataclass(frozen=True)
class DatabaseMetrics(DatabaseFamilies):
    """What queries and connections write: django-prometheus's families, and our own."""

    duration_highr: BisectHistogram
    slow: Counter
    suppressed: Counter
    repeated: Counter
    tracked_queries: Counter
    tracked_seconds: Counter


@cache
def database_metrics() -> DatabaseMetrics:
    """The database families, built at the first use."""
    return DatabaseMetrics(
        **vars(database_families()),
        duration_highr=BisectHistogram(
            names.DB_QUERY_DURATION_HIGHR_SECONDS.family,
            "Duration of queries on all databases, in buckets 19 % wide.",
            buckets=QUERY_HIGHR_BOUNDS,
        ),
        slow=Counter(names.DB_SLOW_QUERIES, "Queries that took at least SLOW_QUERY_MS.", ["alias"]),
        suppressed=Counter(
            names.DB_SLOW_QUERY_LOG_SUPPRESSED,
            "Slow queries left out of the log by SLOW_QUERY_LOG_PER_MINUTE.",
        ),
        repeated=Counter(
            names.DB_REPEATED_QUERIES,
            "Queries that one request ran more than REPEATED_QUERIES times, counted once each.",
            ["route"],
        ),
        tracked_queries=Counter(
            names.DB_TRACKED_QUERIES, "Queries in blocks under track_queries.", ["block"]
        ),
        tracked_seconds=Counter(
            names.DB_TRACKED_QUERY_SECONDS,
            "Time of queries in blocks under track_queries.",
            ["block"],
        ),
    )


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """What psycopg's connection pools write; each process has its own pools."""

    connections: Gauge
    waiting: Gauge
    requests: Counter
    queued: Counter
    errors: Counter
    wait: Counter


@cache
def pool_metrics() -> PoolMetrics:
    """The pool families, built at the first use."""
    return PoolMetrics(
        connections=Gauge(
            names.DB_POOL_CONNECTIONS,
            "Connections of the pools by state; max is what the pools may grow to.",
            ["alias", "state"],
            multiprocess_mode="livesum",
        ),
        waiting=Gauge(
            names.DB_POOL_REQUESTS_WAITING,
            "Requests for a connection that wait for one.",
            ["alias"],
            multiprocess_mode="livesum",
        ),
        requests=Counter(names.DB_POOL_REQUESTS, "Requests to a pool for a connection.", ["alias"]),
        queued=Counter(
            names.DB_POOL_REQUESTS_QUEUED, "Requests to a pool that had to wait.", ["alias"]
        ),
        errors=Counter(
            names.DB_POOL_REQUEST_ERRORS, "Requests to a pool that got no connection.", ["alias"]
        ),
        wait=Counter(names.DB_POOL_WAIT_SECONDS, "Time waited for a pool.", ["alias"]),
    )
