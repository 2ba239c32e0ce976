"""Makes every cache of the process count its operations, with any BACKEND."""

from functools import partial
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from monitoring.instruments.caches.counting import count_own_methods, counting_class
from monitoring.metrics.cache_families import cache_metrics
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error


def instrument_caches() -> None:
    """Count the operations of this process's caches from now on. Opens nothing."""
    cache_metrics()  # built now, before several threads could build them at once
    own = vars(caches).get("create_connection")
    if isinstance(own, partial):
        return
    caches.create_connection = partial(_create_cache, own)  # type: ignore[method-assign]
    for alias in caches:
        if hasattr(caches._connections, alias):  # type: ignore[attr-defined]
            watch_cache(caches[alias], alias)


def _create_cache(own: Any, alias: str) -> BaseCache:
    # The class's method is looked up now: Sentry may have patched it after us.
    create = own or partial(type(caches).create_connection, caches)
    instance: BaseCache = create(alias)
    watch_cache(instance, alias)
    return instance


def watch_cache(instance: BaseCache, alias: str) -> None:
    """Count this instance's operations from now on."""
    try:
        # A subclass, because wrapped methods on the instance would be a reference cycle: it would
        # keep the cache's connections open after its thread or async request has ended.
        given: Any = type(instance)
        instance.__class__ = counting_class(given, alias)
        count_own_methods(instance, given, alias)
    except Exception as error:
        if is_interruption(error):
            raise
        report_error("a cache could not be instrumented")
