"""The families of the garbage collector."""

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
