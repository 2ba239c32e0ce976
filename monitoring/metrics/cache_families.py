"""The families of caches."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from monitoring.metrics import names
from monitoring.metrics.foreign_families import CacheFamilies, cache_families

# Values of the label `result`.
HIT = "hit"
MISS = "miss"
OK = "ok"
EXISTS = "exists"
ERROR = "error"

GET = "get"  # the value of the label `operation` that has its own families, too


@dataclass(frozen=True)
class CacheMetrics(CacheFamilies):
    """What caches write: django-prometheus's families, and our own."""

    operations: Counter
    seconds: Counter


@cache
def cache_metrics() -> CacheMetrics:
    """The cache families, built at the first use."""
    return CacheMetrics(
        **vars(cache_families()),
        operations=Counter(
            names.CACHE_OPERATIONS,
            "Cache operations; those on many keys count each key.",
            ["alias", "operation", "result"],
        ),
        seconds=Counter(
            names.CACHE_OPERATION_SECONDS,
            "Time of cache operations, without queries and outgoing calls within them.",
            ["alias"],
        ),
    )
