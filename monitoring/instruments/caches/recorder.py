"""Writes the metrics of cache operations.

No method raises an error of ours; what a signal handler raises passes.
"""

from functools import cache

from monitoring.instruments.databases.trackers import Operation, spend
from monitoring.metrics.cache_families import ERROR, GET, HIT, MISS, CacheMetrics, cache_metrics
from monitoring.metrics.request_families import CACHE
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error
from monitoring.storage.values import SlotValue, add_all, value_of

# django-prometheus's names for the backends that it knows.
_BACKENDS = {
    "django.core.cache.backends.db.DatabaseCache": "database",
    "django.core.cache.backends.dummy.DummyCache": "dummy",
    "django.core.cache.backends.filebased.FileBasedCache": "filebased",
    "django.core.cache.backends.locmem.LocMemCache": "locmem",
    "django.core.cache.backends.memcached.PyLibMCCache": "memcached",
    "django.core.cache.backends.memcached.PyMemcacheCache": "memcached",
    "django.core.cache.backends.redis.RedisCache": "native_redis",
    "django_redis.cache.RedisCache": "redis",
}


def backend_label(cls: type) -> str:
    """The label `backend` of the `django_cache_*` families, by the nearest known base class."""
    for base in cls.__mro__:
        known = _BACKENDS.get(f"{base.__module__}.{base.__qualname__}")
        if known is not None:
            return known
    return cls.__qualname__


class CacheRecorder:
    """Counts the operations of one alias."""

    def __init__(self, alias: str, backend: str, metrics: CacheMetrics, *, double: bool) -> None:
        """`double`: the backend is django-prometheus's, which writes its own families itself."""
        self._alias = alias
        self._metrics = metrics
        self._double = double
        self._values: dict[tuple[str, str], SlotValue] = {}
        self._get = value_of(metrics.get.labels(backend))
        self._hits = value_of(metrics.hits.labels(backend))
        self._misses = value_of(metrics.misses.labels(backend))
        self._fail = value_of(metrics.fail.labels(backend))
        self._seconds = value_of(metrics.seconds.labels(alias))
        hit, miss = self._value(GET, HIT), self._value(GET, MISS)
        self._hit_writes = [(hit, 1.0)]
        self._miss_writes = [(miss, 1.0)]
        if not double:
            self._hit_writes += [(self._get, 1.0), (self._hits, 1.0)]
            self._miss_writes += [(self._get, 1.0), (self._misses, 1.0)]

    def hit(self, operation: Operation) -> None:
        try:
            self._write(self._hit_writes, operation)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a cache operation could not be recorded")

    def miss(self, operation: Operation) -> None:
        try:
            self._write(self._miss_writes, operation)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a cache operation could not be recorded")

    def gets(self, operation: Operation, hits: int, misses: int) -> None:
        """Count the keys of a get_many."""
        try:
            hit = [(value, hits * amount) for value, amount in self._hit_writes]
            miss = [(value, misses * amount) for value, amount in self._miss_writes]
            self._write(hit + miss, operation)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a cache operation could not be recorded")

    def failed_gets(self, operation: Operation, count: int) -> None:
        try:
            writes = [(self._value(GET, ERROR), float(count))]
            if not self._double:
                writes += [(self._get, float(count)), (self._fail, float(count))]
            self._write(writes, operation)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a cache operation could not be recorded")

    def count(self, operation: Operation, name: str, *results: tuple[str, int]) -> None:
        """Count keys by result for an operation other than get; names come from closed sets."""
        try:
            writes = [(self._value(name, result), float(count)) for result, count in results]
            self._write(writes, operation)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a cache operation could not be recorded")

    def _write(self, writes: list[tuple[SlotValue, float]], operation: Operation) -> None:
        seconds = operation.end()
        add_all((*writes, (self._seconds, seconds)))
        spend(CACHE, seconds)

    def _value(self, operation: str, result: str) -> SlotValue:
        value = self._values.get((operation, result))
        if value is None:
            child = self._metrics.operations.labels(self._alias, operation, result)
            value = self._values[operation, result] = value_of(child)
        return value


@cache
def cache_recorder(alias: str, cls: type) -> CacheRecorder:
    """The recorder for an alias with this backend class; a forked child goes on using it."""
    double = any(base.__module__.startswith("django_prometheus.") for base in cls.__mro__)
    return CacheRecorder(alias, backend_label(cls), cache_metrics(), double=double)
