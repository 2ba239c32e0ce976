"""Time in queries and cache operations is counted for its route, each second once."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from monitoring.instruments.caches.instrument import instrument_caches
from monitoring.merging.merge import shared_merger
from monitoring.metrics import names
from monitoring.metrics.labels import no_traffic
from monitoring.storage.directory import configured_directory
from monitoring.storage.values import attach

SECONDS = 0.02
DB, CACHE = names.HTTP_REQUEST_DB_SECONDS, names.HTTP_REQUEST_CACHE_SECONDS
ALL_DB = names.DB_QUERY_DURATION_HIGHR_SECONDS.sum
ALL_CACHE = names.CACHE_OPERATION_SECONDS


class Slow(LocMemCache):
    """A backend that takes SECONDS for each get."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        time.sleep(SECONDS)
        return super().get(key, default, version)

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        await asyncio.sleep(SECONDS)
        return default


class InDatabase(DatabaseCache):
    """A backend that takes SECONDS and a query."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        time.sleep(SECONDS)
        query()
        return default


class Tiered(LocMemCache):
    """A backend that asks a slow one."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return caches["slow"].get(key, default, version)


CACHES = {
    "default": {"BACKEND": f"{__name__}.Tiered", "LOCATION": "tiered"},
    "slow": {"BACKEND": f"{__name__}.Slow", "LOCATION": "slow"},
    "database": {"BACKEND": f"{__name__}.InDatabase", "LOCATION": "spent_cache"},
}


def query() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def queries(request: HttpRequest, count: int) -> HttpResponse:
    for _ in range(count):
        query()
    return HttpResponse()


@no_traffic
def ignored(request: HttpRequest) -> HttpResponse:
    query()
    return HttpResponse()


def cached(request: HttpRequest, alias: str) -> HttpResponse:
    caches[alias].get("key")
    return HttpResponse()


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def content() -> Iterator[bytes]:
        query()
        yield b"a"
        query()

    return StreamingHttpResponse(content())


async def overlapping(request: HttpRequest) -> HttpResponse:
    await asyncio.gather(*(caches["slow"].aget("key") for _ in range(4)))
    return HttpResponse()


async def in_threads(request: HttpRequest) -> HttpResponse:
    await asyncio.gather(*(sync_to_async(query)() for _ in range(3)))
    return HttpResponse()


urlpatterns = [
    path("spent/nothing/", nothing),
    path("spent/queries/<int:count>/", queries),
    path("spent/ignored/", ignored),
    path("spent/cached/database/", cached, {"alias": "database"}),
    path("spent/cached/tiered/", cached, {"alias": "default"}),
    path("spent/stream/", stream),
    path("spent/overlapping/", overlapping),
    path("spent/in-threads/", in_threads),
]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def slow_caches() -> Iterator[None]:
    with override_settings(CACHES=CACHES):
        call_command("createcachetable", verbosity=0)
        instrument_caches()
        yield


Spent = Mapping[tuple[str, str | None], float]


def spent() -> Spent:
    """The sums by name and route (None: in all), as a scrape shows them."""
    attach()
    found: dict[tuple[str, str | None], float] = {}
    merged = shared_merger(configured_directory()).merge()
    for line, value in zip(merged.layout.lines, merged.values.tolist(), strict=True):
        key = line.name, dict(line.labels).get("route")
        found[key] = found.get(key, 0.0) + value
    return found


def difference(before: Spent, name: str, route: str | None = None) -> float:
    after = spent()
    return after.get((name, route), 0.0) - before.get((name, route), 0.0)


def test_a_route_without_queries_and_caches_has_no_such_series() -> None:
    Client().get("/spent/nothing/")
    assert not {name for name, route in spent() if route == "/spent/nothing/"} & {
        DB,
        CACHE,
        names.HTTP_REQUEST_OUTGOING_SECONDS,
        names.HTTP_REQUEST_DB_QUERIES,
    }


def test_a_routes_queries_are_counted_with_their_time_and_its_other_series_not() -> None:
    before = spent()
    Client().get("/spent/queries/3/")
    Client().get("/spent/queries/2/")
    query()
    route = "/spent/queries/<int:count>/"
    assert difference(before, names.HTTP_REQUEST_DB_QUERIES, route) == 5
    assert 0 < difference(before, DB, route) < difference(before, ALL_DB)
    assert (CACHE, route) not in spent()


def test_queries_of_what_is_no_traffic_are_time_outside_requests() -> None:
    before = spent()
    Client().get("/spent/ignored/")
    assert difference(before, ALL_DB) > 0
    assert not {name for name, route in spent() if route == "/spent/ignored/"}


def test_a_query_within_a_cache_operation_is_database_time_and_not_cache_time() -> None:
    before = spent()
    started = time.perf_counter()
    Client().get("/spent/cached/database/")
    wall = time.perf_counter() - started
    route = "/spent/cached/database/"
    in_database, in_cache = difference(before, DB, route), difference(before, CACHE, route)
    assert in_database == pytest.approx(difference(before, ALL_DB))
    assert in_cache == pytest.approx(difference(before, ALL_CACHE))
    assert in_database > 0
    assert in_cache >= SECONDS
    assert in_database + in_cache <= wall


def test_a_cache_that_asks_another_counts_each_second_once() -> None:
    before = spent()
    started = time.perf_counter()
    Client().get("/spent/cached/tiered/")
    wall = time.perf_counter() - started
    in_cache = difference(before, CACHE, "/spent/cached/tiered/")
    assert SECONDS <= in_cache <= wall
    assert in_cache == pytest.approx(difference(before, ALL_CACHE))


def test_queries_while_an_answer_streams_belong_to_its_route() -> None:
    before = spent()
    response: Any = Client().get("/spent/stream/")
    assert list(response.streaming_content) == [b"a"]
    assert difference(before, names.HTTP_REQUEST_DB_QUERIES, "/spent/stream/") == 2
    assert difference(before, DB, "/spent/stream/") == pytest.approx(difference(before, ALL_DB))


def test_operations_that_overlap_add_up() -> None:
    before = spent()
    asyncio.run(AsyncClient().get("/spent/overlapping/"))
    in_cache = difference(before, CACHE, "/spent/overlapping/")
    assert in_cache >= 4 * SECONDS
    assert in_cache == pytest.approx(difference(before, ALL_CACHE))


@pytest.mark.django_db(transaction=True)
def test_queries_in_threads_of_an_async_view_belong_to_its_route() -> None:
    before = spent()
    asyncio.run(AsyncClient().get("/spent/in-threads/"))
    assert difference(before, names.HTTP_REQUEST_DB_QUERIES, "/spent/in-threads/") == 3
    in_database = difference(before, DB, "/spent/in-threads/")
    assert in_database == pytest.approx(difference(before, ALL_DB))


def test_time_of_a_task_that_outlives_its_request_is_outside_requests() -> None:
    tasks = []

    async def lingering() -> None:
        await asyncio.sleep(SECONDS)
        await caches["slow"].aget("key")

    async def view(request: HttpRequest) -> HttpResponse:
        tasks.append(asyncio.ensure_future(lingering()))
        return HttpResponse()

    async def run() -> None:
        await AsyncClient().get("/spent/lingering/")
        await tasks[0]

    urlpatterns.append(path("spent/lingering/", view))
    before = spent()
    asyncio.run(run())
    assert difference(before, ALL_CACHE) >= SECONDS
    assert (CACHE, "/spent/lingering/") not in spent()
