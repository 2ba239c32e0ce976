"""Every metric family, flat: its name, type, help and labels are this package's public API."""

from dataclasses import dataclass
from functools import cache
from math import ldexp
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from monitoring.conf import DEFAULT_LATENCY_BUCKETS, get_settings
from monitoring.metrics.histogram import BisectHistogram
from monitoring.storage.values import SlotValue

# The bounds of a native histogram of schema 4, from 2^-11 s to 2^7 s: 16 for each doubling.
HIGHR_BOUNDS = tuple(ldexp(2 ** (k % 16 / 16), k // 16) for k in range(-11 * 16, 7 * 16 + 1))


# The default latency buckets, and two for the much longer time that a full queue can mean.
_QUEUE_BUCKETS = (*DEFAULT_LATENCY_BUCKETS, 30.0, 60.0)

_TASK_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0,
)  # fmt: skip

# 4 for each doubling, from 61 µs to 64 s.
QUERY_HIGHR_BOUNDS = tuple(2 ** (k / 4) for k in range(-14 * 4, 6 * 4 + 1))
_QUERIES_BUCKETS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


def value_of(metric: Counter | Gauge) -> SlotValue:
    """The value behind a label-less metric or a child: the hot path adds to it directly."""
    value: SlotValue = metric._value
    return value


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


def build_http_metrics(
    registry: CollectorRegistry, latency_buckets: tuple[float, ...]
) -> HttpMetrics:
    common: dict[str, Any] = {"registry": registry}
    return HttpMetrics(
        requests=Counter(
            "http_requests_total",
            "HTTP requests answered.",
            ["method", "route", "status"],
            **common,
        ),
        errors=Counter(
            "http_errors_total",
            "HTTP requests answered with a status of 400 or above.",
            ["method", "route", "status"],
            **common,
        ),
        duration=BisectHistogram(
            "http_request_duration_seconds",
            "Time from the first middleware to the last byte of the answer.",
            ["method", "route"],
            buckets=latency_buckets,
            **common,
        ),
        # prometheus-client stores the help with each of the 290 buckets: it is kept short.
        duration_highr=BisectHistogram(
            "http_request_duration_highr_seconds",
            "As http_request_duration_seconds, finer.",
            buckets=HIGHR_BOUNDS,
            **common,
        ),
        in_progress=Gauge(
            "http_requests_in_progress",
            "HTTP requests being answered now.",
            multiprocess_mode="livesum",
            **common,
        ),
        slow=Counter(
            "http_slow_requests_total",
            "HTTP requests that took at least SLOW_REQUEST_MS.",
            ["method", "route"],
            **common,
        ),
        exceptions=Counter(
            "http_exceptions_total",
            "Exceptions that no code handled and Django answered with status 500.",
            ["type", "route"],
            **common,
        ),
        queue=BisectHistogram(
            "http_request_queue_seconds",
            "Time from the proxy's X-Request-Start to the first middleware.",
            buckets=_QUEUE_BUCKETS,
            **common,
        ),
        queries=BisectHistogram(
            "http_request_queries",
            "Database queries of a request.",
            buckets=_QUERIES_BUCKETS,
            **common,
        ),
    )


@dataclass(frozen=True, slots=True)
class DatabaseMetrics:
    """What queries and connections write; the first six families are django-prometheus's own."""

    connections: Counter
    connection_errors: Counter
    execute: Counter
    execute_many: Counter
    errors: Counter
    duration: Histogram
    duration_highr: BisectHistogram
    slow: Counter
    suppressed: Counter
    repeated: Counter
    tracked_queries: Counter
    tracked_seconds: Counter


@cache
def database_metrics() -> DatabaseMetrics:
    """The database families, built at the first use."""
    from django_prometheus.db import metrics as theirs  # noqa: PLC0415  (reads the settings)

    return DatabaseMetrics(
        connections=theirs.connections_total,
        connection_errors=theirs.connection_errors_total,
        execute=theirs.execute_total,
        execute_many=theirs.execute_many_total,
        errors=theirs.errors_total,
        duration=theirs.query_duration_seconds,
        duration_highr=BisectHistogram(
            "db_query_duration_highr_seconds",
            "Duration of queries on all databases, in buckets 19 % wide.",
            buckets=QUERY_HIGHR_BOUNDS,
        ),
        slow=Counter(
            "db_slow_queries_total", "Queries that took at least SLOW_QUERY_MS.", ["alias"]
        ),
        suppressed=Counter(
            "db_slow_query_log_suppressed_total",
            "Slow queries left out of the log by SLOW_QUERY_LOG_PER_MINUTE.",
        ),
        repeated=Counter(
            "db_repeated_queries_total",
            "Queries that one request ran more than REPEATED_QUERIES times, counted once each.",
            ["route"],
        ),
        tracked_queries=Counter(
            "db_tracked_queries_total", "Queries in blocks under track_queries.", ["block"]
        ),
        tracked_seconds=Counter(
            "db_tracked_query_seconds_total",
            "Time of queries in blocks under track_queries.",
            ["block"],
        ),
    )


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """psycopg's connection pools, each process its own."""

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
            "db_pool_connections",
            "Connections of the pools by state; max is what the pools may grow to.",
            ["alias", "state"],
            multiprocess_mode="livesum",
        ),
        waiting=Gauge(
            "db_pool_requests_waiting",
            "Requests for a connection that wait for one.",
            ["alias"],
            multiprocess_mode="livesum",
        ),
        requests=Counter(
            "db_pool_requests_total", "Requests to a pool for a connection.", ["alias"]
        ),
        queued=Counter(
            "db_pool_requests_queued_total", "Requests to a pool that had to wait.", ["alias"]
        ),
        errors=Counter(
            "db_pool_request_errors_total", "Requests to a pool that got no connection.", ["alias"]
        ),
        wait=Counter("db_pool_wait_seconds_total", "Time waited for a pool.", ["alias"]),
    )


@dataclass(frozen=True, slots=True)
class CacheMetrics:
    """What caches write; the first four families are django-prometheus's own."""

    get: Counter
    hits: Counter
    misses: Counter
    fail: Counter
    operations: Counter


@cache
def cache_metrics() -> CacheMetrics:
    """The cache families, built at the first use."""
    from django_prometheus.cache import metrics as theirs  # noqa: PLC0415  (reads the settings)

    return CacheMetrics(
        get=theirs.django_cache_get_total,
        hits=theirs.django_cache_hits_total,
        misses=theirs.django_cache_misses_total,
        fail=theirs.django_cache_get_fail_total,
        operations=Counter(
            "cache_operations_total",
            "Cache operations; those on many keys count each key.",
            ["alias", "operation", "result"],
        ),
    )


@dataclass(frozen=True, slots=True)
class CeleryMetrics:
    """What Celery's processes write, each in its own slot."""

    duration: BisectHistogram
    queue: BisectHistogram
    started: Counter
    retries: Counter
    revoked: Counter
    refused: Counter
    in_progress: Gauge


@cache
def celery_metrics() -> CeleryMetrics:
    """Celery's families, built at the first use."""
    return CeleryMetrics(
        duration=BisectHistogram(
            "celery_task_duration_seconds",
            "Run time of Celery tasks.",
            ["task", "state"],
            buckets=_TASK_BUCKETS,
        ),
        queue=BisectHistogram(
            "celery_task_queue_seconds",
            "Time from sending a task, or its eta, to its start.",
            ["task"],
            buckets=_TASK_BUCKETS,
        ),
        started=Counter("celery_tasks_started_total", "Tasks that a worker began.", ["task"]),
        retries=Counter("celery_task_retries_total", "Runs that ended in a retry.", ["task"]),
        revoked=Counter(
            "celery_tasks_revoked_total",
            "Tasks revoked before or, if terminated, while they ran.",
            ["task", "reason"],
        ),
        refused=Counter(
            "celery_messages_refused_total",
            "Messages that a worker refused: of unknown tasks, or invalid.",
            ["reason"],
        ),
        in_progress=Gauge(
            "celery_tasks_in_progress",
            "Tasks that run now.",
            ["task"],
            multiprocess_mode="livesum",
        ),
    )


@dataclass(frozen=True, slots=True)
class GarbageMetrics:
    """Python's garbage collector, as `gc.get_stats()` tells."""

    collections: Counter
    collected: Counter
    uncollectable: Counter


@cache
def garbage_metrics() -> GarbageMetrics:
    """prometheus-client's own names, which are lost in multiprocess mode, for each slot.

    They are in no registry: there the names belong to prometheus-client's collector.
    """
    labels = ["slot", "role", "generation"]
    return GarbageMetrics(
        collections=Counter(
            "python_gc_collections_total", "Garbage collections.", labels, registry=None
        ),
        collected=Counter(
            "python_gc_objects_collected_total", "Objects collected.", labels, registry=None
        ),
        uncollectable=Counter(
            "python_gc_objects_uncollectable_total",
            "Objects found that cannot be collected.",
            labels,
            registry=None,
        ),
    )


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """What gunicorn's master writes."""

    boots: Counter
    exits: Counter


@cache
def server_metrics() -> ServerMetrics:
    """The master's families, built at the first use."""
    return ServerMetrics(
        boots=Counter("gunicorn_worker_boots_total", "Workers that gunicorn's master started."),
        exits=Counter(
            "gunicorn_worker_exits_total",
            "Workers that ended, by exit code or signal.",
            ["reason"],
        ),
    )


@cache
def merges_total() -> Counter:
    """Counts the merges of the metrics directory, by whatever process makes them."""
    return Counter(
        "monitoring_merges_total",
        "Merges of the metrics directory; scrapes at one time share a merge.",
    )


@cache
def collector_errors_total() -> Counter:
    """Counts failures of custom collectors, in the exporter."""
    return Counter(
        "monitoring_collector_errors_total",
        "Runs of a custom collector that failed, were late or gave families that clash.",
        ["collector"],
    )


@cache
def http_metrics() -> HttpMetrics:
    """The families in prometheus-client's default registry, built at the first use."""
    return build_http_metrics(REGISTRY, get_settings().LATENCY_BUCKETS)
