"""Every backend gives what it gave before, and each operation is counted once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.test import override_settings

from monitoring.instruments.caches.instrument import instrument_caches
from monitoring.metrics.cache_families import cache_metrics

pytestmark = pytest.mark.django_db

Counts = dict[tuple[str, str], float]


class NativeAsyncCache(LocMemCache):
    """A backend with async methods of its own."""

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        await asyncio.sleep(0)
        return self.get(key, default, version)

    async def aset(self, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        self.set(*args, **kwargs)


class Tiered(LocMemCache):
    """A backend that asks another one."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return caches["behind"].get(key, default, version)


_LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
BACKENDS: dict[str, dict[str, Any]] = {
    "locmem": {"BACKEND": _LOCMEM, "LOCATION": "counting"},
    "filebased": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"},
    "database": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "counting_cache",
    },
    "native async": {"BACKEND": f"{__name__}.NativeAsyncCache", "LOCATION": "native"},
}


@pytest.fixture(params=list(BACKENDS))
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BaseCache]:
    configuration = {"LOCATION": str(tmp_path), **BACKENDS[request.param]}
    with override_settings(CACHES={"default": configuration}):
        if request.param == "database":
            from django.core.management import call_command  # noqa: PLC0415

            call_command("createcachetable", verbosity=0)
        instance = caches["default"]
        instance.clear()
        yield instance
        instance.clear()


def counts(alias: str = "default") -> Counts:
    return {
        (sample.labels["operation"], sample.labels["result"]): sample.value
        for family in cache_metrics().operations.collect()
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["alias"] == alias
    }


def since(before: Counts, alias: str = "default") -> Counts:
    now = counts(alias)
    return {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key, 0)}


def test_values_that_are_false_come_back_as_they_are(cache: BaseCache) -> None:
    before = counts()
    values: list[Any] = [0, "", None, False, [], 0.0]
    for value in values:
        cache.set("key", value)
        assert cache.get("key", "default") == value
        assert type(cache.get("key", "default")) is type(value)
    assert cache.get("other", "default") == "default"
    assert cache.get("other") is None
    assert cache.get(key="other", default=7, version=1) == 7
    assert since(before) == {("set", "ok"): 6, ("get", "hit"): 12, ("get", "miss"): 3}


def test_many_keys_count_each_once(cache: BaseCache) -> None:
    before = counts()
    assert cache.set_many({"a": 1, "b": 2}) == []
    assert cache.get_many(key for key in "abc") == {"a": 1, "b": 2}
    assert cache.get_many(["a", "c"]) == {"a": 1}
    cache.delete_many(iter(["a", "b"]))
    assert cache.get_many(["a"]) == {}
    assert since(before) == {
        ("set", "ok"): 2,
        ("get", "hit"): 3,
        ("get", "miss"): 3,
        ("delete", "ok"): 2,
    }


def test_every_other_operation_is_counted_by_its_result(cache: BaseCache) -> None:
    before = counts()
    assert cache.add("n", 1) is True
    assert cache.add("n", 1) is False
    assert cache.touch("n", 60) is True
    assert cache.touch("none", 60) is False
    assert cache.delete("n") is True
    assert cache.delete("n") is False
    assert since(before) == {
        ("add", "ok"): 1,
        ("add", "exists"): 1,
        ("touch", "ok"): 1,
        ("touch", "miss"): 1,
        ("delete", "ok"): 2,
    }
    cache.set("n", 1)
    assert cache.incr("n", 4) == 5
    with pytest.raises(ValueError, match="not found"):
        cache.incr("none")


# Not on the database: the test's transaction belongs to its own thread.
@pytest.mark.parametrize("cache", ["locmem", "filebased", "native async"], indirect=True)
def test_async_methods_count_as_the_sync_ones(cache: BaseCache) -> None:
    async def work() -> None:
        await cache.aset("a", 0)
        assert await cache.aget("a", 5) == 0
        assert await cache.aget("b", 5) == 5
        assert await cache.aget_many(["a", "b"]) == {"a": 0}
        await cache.adelete("a")

    before = counts()
    asyncio.run(work())
    assert since(before) == {
        ("set", "ok"): 1,
        ("get", "hit"): 2,
        ("get", "miss"): 2,
        ("delete", "ok"): 1,
    }


def test_a_cache_behind_a_cache_counts_as_itself() -> None:
    configuration = {
        "default": {"BACKEND": f"{__name__}.Tiered", "LOCATION": "front"},
        "behind": {"BACKEND": _LOCMEM, "LOCATION": "behind"},
    }
    with override_settings(CACHES=configuration):
        front, behind = counts(), counts("behind")
        caches["behind"].set("a", 1)
        assert caches["default"].get("a") == 1
        assert since(front) == {("get", "hit"): 1}
        assert since(behind, "behind") == {("set", "ok"): 1, ("get", "hit"): 1}


def test_an_instrumented_cache_is_still_of_its_class() -> None:
    instrument_caches()  # a second time changes nothing
    with override_settings(CACHES={"default": BACKENDS["locmem"]}):
        cache = caches["default"]
        assert isinstance(cache, LocMemCache)
        assert type(cache).__qualname__ == "LocMemCache"
        assert len([c for c in type(cache).__mro__ if c.__name__ == "LocMemCache"]) == 2


def test_the_backends_error_is_raised_and_counted() -> None:
    with override_settings(CACHES={"default": BACKENDS["locmem"]}):
        before = counts()
        with pytest.raises(TypeError):
            caches["default"].get()  # type: ignore[call-arg]
        with pytest.raises(Exception, match=r"pickle|local object"):
            caches["default"].set("a", lambda: None)
        assert since(before) == {("set", "error"): 1}
