"""The families of the garbage collector and of gunicorn's master."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from monitoring.metrics import names


@dataclass(frozen=True, slots=True)
class GarbageMetrics:
    """The figures of `gc.get_stats()`."""

    collections: Counter
    collected: Counter
    uncollectable: Counter


@cache
def garbage_metrics() -> GarbageMetrics:
    """Families for each slot, because prometheus-client drops its own in multiprocess mode.

    They have the names of prometheus-client's collector, so they are in no registry.
    """
    labels = ["slot", "role", "generation"]
    return GarbageMetrics(
        collections=Counter(
            names.PYTHON_GC_COLLECTIONS, "Garbage collections.", labels, registry=None
        ),
        collected=Counter(
            names.PYTHON_GC_OBJECTS_COLLECTED, "Objects collected.", labels, registry=None
        ),
        uncollectable=Counter(
            names.PYTHON_GC_OBJECTS_UNCOLLECTABLE,
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
        boots=Counter(names.GUNICORN_WORKER_BOOTS, "Workers that gunicorn's master started."),
        exits=Counter(
            names.GUNICORN_WORKER_EXITS,
            "Workers that ended, by exit code or signal.",
            ["reason"],
        ),
    )
