"""The families of caches."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from monitoring.metrics import names
from monitoring.metrics.foreign_families import cache_families

# Values of the label `result`.
HIT = "hit"
MISS = "miss"
OK = "ok"
EXISTS = "exists"
ERROR = "error"

GET = "get"  # the value of the label `operation` that has its own families, too


@dataclass(frozen=True, slots=True)
class CacheMetrics:
    """What caches write; the first four families are django-prometheus's."""

    get: Counter
    hits: Counter
    misses: Counter
    fail: Counter
    operations: Counter


@cache
def cache_metrics() -> CacheMetrics:
    """The cache families, built at the first use."""
    return CacheMetrics(
        **cache_families()._asdict(),
        operations=Counter(
            names.CACHE_OPERATIONS,
            "Cache operations; those on many keys count each key.",
            ["alias", "operation", "result"],
        ),
    )
