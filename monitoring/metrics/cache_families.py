"""The families of caches."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from monitoring.metrics import names

# Values of the label `result`.
HIT = "hit"
MISS = "miss"
OK = "ok"
EXISTS = "exists"
ERROR = "error"

GET = "get"  # the value of the label `operation` that has its own families, too


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
            names.CACHE_OPERATIONS,
            "Cache operations; those on many keys count each key.",
            ["alias", "operation", "result"],
        ),
    )
