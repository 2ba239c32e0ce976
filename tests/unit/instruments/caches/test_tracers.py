"""A tracer that patches caches, before us or after, changes no count and misses no call."""

import asyncio
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
import sentry_sdk
from django.core.cache import CacheHandler, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.test import override_settings
from sentry_sdk.integrations.django import DjangoIntegration

from monitoring.instruments.caches.instrument import instrument_caches
from monitoring.metrics.cache_families import cache_metrics

EXPECTED = {
    ("set", "ok"): 3,
    ("get", "hit"): 3,
    ("get", "miss"): 3,
    ("add", "ok"): 1,
    ("delete", "ok"): 1,
}

Make = Callable[[str], BaseCache]


class Own(LocMemCache):
    """A backend of the test's own, so that what is patched is patched nowhere else."""


class Traced(LocMemCache):
    """A backend whose instances have an async method of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain = self.get

        async def aget(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(0)
            return plain(*args, **kwargs)

        self.aget = aget  # type: ignore[method-assign]


CACHES = {"default": {"BACKEND": f"{__name__}.Own", "LOCATION": "tracers"}}


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes the cache; nothing is instrumented yet."""
    ours = vars(caches).pop("create_connection", None)
    settings = override_settings(CACHES=CACHES)
    settings.enable()
    yield lambda alias: caches[alias]
    caches["default"].clear()
    settings.disable()
    vars(caches).pop("create_connection", None)
    if ours is not None:
        caches.create_connection = ours  # type: ignore[method-assign]


def counts() -> dict[tuple[str, str], float]:
    return {
        (sample.labels["operation"], sample.labels["result"]): sample.value
        for family in cache_metrics().operations.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["alias"] == "default"
    }


def work(cache: BaseCache) -> None:
    cache.set("a", 0)
    cache.set_many({"b": None, "c": False})
    assert cache.get("a", 5) == 0
    assert cache.get("none") is None
    assert cache.get("none", default=7) == 7
    assert cache.get_many(["b", "c", "none"]) == {"b": None, "c": False}
    assert cache.add("d", 1)
    assert cache.delete("d")


def check(cache: BaseCache) -> None:
    before = counts()
    work(cache)
    after = counts()
    assert {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)} == EXPECTED


@pytest.mark.parametrize("is_first", [True, False])
def test_sentrys_cache_spans(make: Make, is_first: bool) -> None:
    from sentry_sdk.integrations.django import caching  # noqa: PLC0415

    create = CacheHandler.create_connection
    # Only the caches: the rest of the integration would stay for all other tests.
    client = sentry_sdk.Client(
        dsn="https://key@127.0.0.1/1", transport=Sent(), traces_sample_rate=1.0
    )
    client.integrations[DjangoIntegration.identifier] = DjangoIntegration(cache_spans=True)
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        try:
            steps = [caching.patch_caching, instrument_caches]
            for step in steps if is_first else reversed(steps):
                step()
            cache = make("default")
            assert "get" in vars(cache)
            with sentry_sdk.start_transaction(name="test") as transaction:
                check(cache)
                assert transaction._span_recorder is not None
                recorded = transaction._span_recorder.spans
                spans = [span for span in recorded if span.op in OPERATIONS]
        finally:
            CacheHandler.create_connection = create  # type: ignore[method-assign]
            del CacheHandler._sentry_patched  # type: ignore[attr-defined]
    hits = [span._data["cache.hit"] for span in spans if span.op == "cache.get"]
    assert hits[:3] == [True, False, False]
    assert {span.op for span in spans} == OPERATIONS


OPERATIONS = {"cache.get", "cache.put"}


class Sent(sentry_sdk.Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        pass


def traced(method: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    @wraps(method)
    def trace(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        calls.append(result)
        return result

    return trace


@pytest.mark.parametrize("when", ["before", "after", "late"])
def test_a_tracer_that_replaces_a_backends_methods(
    make: Make, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    calls: list[Any] = []

    def patch() -> None:
        for name in ("get", "set", "delete", "add"):
            monkeypatch.setattr(Own, name, traced(getattr(Own, name), calls))

    if when == "before":
        patch()
    instrument_caches()
    if when == "after":
        patch()
    cache = make("default")
    if when == "late":
        patch()
    check(cache)
    # Misses look to the tracer as Django's own mark for them, so it takes none for a hit.
    assert calls.count(BaseCache._missing_key) == 3
    assert len(calls) == 11


def test_async_methods_of_an_instance_are_counted(make: Make) -> None:
    CACHES["default"]["BACKEND"], before = f"{__name__}.Traced", CACHES["default"]["BACKEND"]
    try:
        instrument_caches()
        cache = make("default")
        start = counts()
        asyncio.run(cache.aset("a", 1))
        assert asyncio.run(cache.aget("a")) == 1
        assert asyncio.run(cache.aget("b", 2)) == 2
        now = counts()
    finally:
        CACHES["default"]["BACKEND"] = before
    assert now["get", "hit"] - start.get(("get", "hit"), 0) == 1
    assert now["get", "miss"] - start.get(("get", "miss"), 0) == 1
