"""Views with a known number of queries and cache operations."""

import asyncio
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def plain(request: HttpRequest, count: int) -> HttpResponse:
    with connection.cursor() as cursor:
        for number in range(count):
            cursor.execute("SELECT %s", [number])
            assert cursor.fetchone() == (number,)
    return HttpResponse()


def many(request: HttpRequest, count: int) -> HttpResponse:
    """One executemany of a generator, one of a list, one of nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE many (a integer)")
        generated: Any = ([number] for number in range(count))
        cursor.executemany("INSERT INTO many VALUES (%s)", generated)
        cursor.executemany("INSERT INTO many VALUES (%s)", [[n] for n in range(count)])
        cursor.execute("SELECT count(*) FROM many")
        (rows,) = cursor.fetchone()
        assert rows == 2 * count
        cursor.execute("DROP TABLE many")
    return HttpResponse()


def transactions(request: HttpRequest) -> HttpResponse:
    """In a transaction: a savepoint that is rolled back after an error, and a query after it."""
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            with transaction.atomic():  # SAVEPOINT
                cursor.execute("SELECT * FROM no_such_table WHERE secret = 'hunter2'")
        except DatabaseError:  # ROLLBACK TO SAVEPOINT, RELEASE SAVEPOINT
            cursor.execute("SELECT 1")
    return HttpResponse()


def server_side(request: HttpRequest) -> HttpResponse:
    """Rows by a cursor that PostgreSQL holds; the look at it goes past Django: not counted."""
    rows = Permission.objects.all().iterator(chunk_size=2)
    read = [next(rows)]
    if connection.vendor == "postgresql":
        held = connection.connection.execute("SELECT count(*) FROM pg_cursors").fetchone()
        assert held == (1,)
    read += rows
    assert len(read) == Permission.objects.count() > 2
    return HttpResponse()


async def async_orm(request: HttpRequest) -> HttpResponse:
    """Three queries one after the other, and four at one time."""
    assert await Group.objects.filter(pk=0).afirst() is None
    assert [group async for group in Group.objects.filter(pk=0)] == []
    assert not await Group.objects.filter(pk=0).aexists()
    await asyncio.gather(*(sync_to_async(_query)() for _ in range(4)))
    return HttpResponse()


def _query() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def slow(request: HttpRequest) -> HttpResponse:
    """?ms= of a query with secrets in it (on PostgreSQL)."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_sleep({int(request.GET['ms']) / 1000}), 'hunter2' /* hunter2 */, %s",
            ["hunter2"],
        )
    return HttpResponse()


def caching(request: HttpRequest, key: str) -> HttpResponse:
    """2 sets, 1 add that stores and 1 that does not; 4 hits, 3 misses; 2 deletes; 1 incr."""
    assert cache.get(key) is None  # miss
    cache.set(key, 0)
    assert cache.get(key, 5) == 0  # hit
    cache.set(f"{key}:b", "")
    assert cache.get(f"{key}:b", "default") == ""  # hit
    assert cache.add(f"{key}:c", 1)
    assert not cache.add(f"{key}:c", 2)
    found = cache.get_many(iter([key, f"{key}:c", f"{key}:d"]))  # 2 hits, 1 miss
    assert found == {key: 0, f"{key}:c": 1}
    assert cache.incr(key) == 1
    cache.delete_many([key, f"{key}:b"])
    assert cache.get(key, "gone") == "gone"  # miss
    return HttpResponse()


async def async_caching(request: HttpRequest, key: str) -> HttpResponse:
    """1 set, 1 hit, 1 miss, 1 delete."""
    await cache.aset(key, False)
    assert await cache.aget(key) is False
    await cache.adelete(key)
    assert await cache.aget(key, "gone") == "gone"
    return HttpResponse()


def calling(request: HttpRequest) -> HttpResponse:
    """A call of ?url=, with a library that nothing before has imported."""
    import requests  # noqa: PLC0415

    return HttpResponse(status=requests.get(request.GET["url"], timeout=10).status_code)


urlpatterns = [
    path("calling/", calling),
    path("plain/<int:count>/", plain),
    path("many/<int:count>/", many),
    path("transactions/", transactions),
    path("server-side/", server_side),
    path("async-orm/", async_orm),
    path("slow/", slow),
    path("cache/<str:key>/", caching),
    path("async-cache/<str:key>/", async_caching),
    path("", include("project.urls")),
]
