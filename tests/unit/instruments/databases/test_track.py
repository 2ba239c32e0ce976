"""track_queries counts the queries of its block, whatever runs them."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection, connections
from django.http import HttpRequest

from monitoring.instruments.databases.recorder import QueryRecorder
from monitoring.instruments.databases.trackers import begin_request, current, end_request
from monitoring.metrics.database_families import database_metrics
from monitoring.tracking import track_queries

pytestmark = pytest.mark.django_db


def query(count: int = 1) -> None:
    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("SELECT 1")


def executed() -> dict[str, float]:
    metrics = database_metrics()
    labels = ("default", "sqlite")
    return {
        "execute": metrics.execute.labels(*labels)._value.get(),
        "many": metrics.execute_many.labels(*labels)._value.get(),
        "errors": metrics.errors.labels(*labels, "OperationalError")._value.get(),
        "connection errors": metrics.connection_errors.labels(*labels)._value.get(),
    }


def since(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in executed().items()}


def test_a_block_and_the_blocks_within_it() -> None:
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


def test_a_decorated_function_and_a_decorated_coroutine_function() -> None:
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


def test_an_async_block_and_the_tasks_within_it() -> None:
    async def work() -> tuple[int, int]:
        async with track_queries("async") as outer:
            async with track_queries("async inner") as inner:
                await asyncio.gather(*(sync_to_async(query)(2) for _ in range(5)))
            await sync_to_async(query)()
        return outer.count, inner.count

    assert asyncio.run(work()) == (11, 10)


def test_a_request_that_never_ended_is_left_behind_by_the_next() -> None:
    with track_queries("around") as around:
        for _ in range(3):
            begin_request(HttpRequest())
        last = begin_request(HttpRequest())
        assert last.parent is around
        query()
        end_request(last)
        assert current.get() is around
    assert (last.count, around.count) == (1, 1)


def test_executemany_takes_a_generator_and_counts_what_it_gave() -> None:
    before = executed()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE generated (a integer)")
        items: Any = ([number] for number in range(4))
        cursor.executemany("INSERT INTO generated VALUES (%s)", items)
        cursor.executemany("INSERT INTO generated VALUES (%s)", [[1], [2]])
        cursor.executemany("INSERT INTO generated VALUES (%s)", [])
        cursor.execute("SELECT count(*) FROM generated")
        assert cursor.fetchone() == (6,)
        cursor.execute("DROP TABLE generated")
    assert since(before) == {"execute": 9, "many": 6, "errors": 0, "connection errors": 0}


def test_a_wrapper_that_was_entered_before_the_connection_takes_away_itself() -> None:
    fresh = connections.create_connection("default")

    def other(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        return execute(sql, params, many, context)

    try:
        with fresh.execute_wrapper(other):
            fresh.connect()
            kinds = [type(wrapper) for wrapper in fresh.execute_wrappers]
            assert kinds == [QueryRecorder, type(other)]
        assert [type(wrapper) for wrapper in fresh.execute_wrappers] == [QueryRecorder]
        fresh.close()
        fresh.connect()
        assert len(fresh.execute_wrappers) == 1
    finally:
        fresh.close()


def test_a_connection_that_fails_is_counted() -> None:
    fresh = connections.create_connection("default")
    fresh.settings_dict = {**fresh.settings_dict, "NAME": "/no/such/directory/db.sqlite3"}
    before = executed()
    with pytest.raises(DatabaseError):
        fresh.ensure_connection()
    assert since(before)["connection errors"] == 1
