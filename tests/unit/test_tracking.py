"""track_queries counts the queries of its block, whatever runs them."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

from monitoring.instruments.databases.trackers import current
from monitoring.metrics.database_families import database_metrics
from monitoring.tracking import track_queries

pytestmark = pytest.mark.django_db


def query(count: int = 1) -> None:
    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("SELECT 1")


def test_a_block_counts_its_own_queries_and_those_of_the_blocks_within_it() -> None:
    around = current.get()
    with track_queries("outer") as outer:
        query(2)
        with track_queries("inner") as inner:
            query(3)
        query()
    query()
    assert (outer.count, inner.count) == (6, 3)
    assert 0 < inner.slowest <= inner.total < outer.total
    assert current.get() is around


def test_a_block_counts_in_its_families() -> None:
    counter = database_metrics().tracked_queries.labels("families")
    with track_queries("families"):
        query(2)
    assert counter._value.get() == 2


def test_a_block_that_fails_is_counted_and_the_error_goes_on() -> None:
    around = current.get()
    counter = database_metrics().tracked_queries.labels("failing")
    with connection.cursor() as cursor, pytest.raises(DatabaseError), track_queries("failing"):
        cursor.execute("SELECT * FROM no_such_table")
    assert counter._value.get() == 1
    assert current.get() is around


def test_a_decorated_function_is_a_block_sync_or_async() -> None:
    counter = database_metrics().tracked_queries.labels("decorated")

    @track_queries("decorated")
    def work(count: int) -> int:
        query(count)
        return count

    @track_queries("decorated")
    async def work_async(count: int) -> int:
        await sync_to_async(work.__wrapped__)(count)  # type: ignore[attr-defined]
        return count

    assert work(2) == 2
    assert work.__name__ == "work"
    assert asyncio.run(work_async(3)) == 3
    assert counter._value.get() == 5


def test_an_async_block_counts_the_queries_of_its_tasks() -> None:
    async def work() -> tuple[int, int]:
        async with track_queries("async") as outer:
            async with track_queries("async inner") as inner:
                await asyncio.gather(*(sync_to_async(query)(2) for _ in range(5)))
            await sync_to_async(query)()
        return outer.count, inner.count

    assert asyncio.run(work()) == (11, 10)
