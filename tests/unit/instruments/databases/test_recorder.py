"""Every statement, set of rows and failed connection is counted, whoever else wraps execution."""

import signal
from types import FrameType
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections

from monitoring.backing_services.database_probe import close
from monitoring.instruments.databases.recorder import QueryRecorder, query_recorder
from monitoring.metrics.database_families import database_metrics

pytestmark = pytest.mark.django_db


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
        close(fresh)
        fresh.connect()
        assert len(fresh.execute_wrappers) == 1
    finally:
        close(fresh)


def test_a_connection_that_fails_is_counted() -> None:
    fresh = connections.create_connection("default")
    fresh.settings_dict = {**fresh.settings_dict, "NAME": "/no/such/directory/db.sqlite3"}
    before = executed()
    with pytest.raises(DatabaseError):
        fresh.ensure_connection()
    assert since(before)["connection errors"] == 1


class _LimitError(Exception):
    """What ends the query."""


class _AlarmError(Exception):
    """What a signal handler raises while the query's end is counted."""


class _Interrupting:
    """Rows whose number is asked for by the recorder alone, and then a signal arrives."""

    asked = False

    def __len__(self) -> int:
        if not self.asked:
            self.asked = True
            signal.raise_signal(signal.SIGUSR1)
        return 3


@pytest.mark.needs("signals")
def test_an_interruption_just_behind_a_failed_query_hides_no_failure() -> None:
    recorder = query_recorder("default", "sqlite", double=False)
    before = executed()

    def fail(sql: Any, params: Any, many: bool, context: Any) -> Any:
        raise _LimitError

    def handle(number: int, frame: FrameType | None) -> None:
        raise _AlarmError

    handler = signal.signal(signal.SIGUSR1, handle)
    try:
        with pytest.raises(_AlarmError) as raised:
            recorder(fail, "INSERT", _Interrupting(), True, {})
    finally:
        signal.signal(signal.SIGUSR1, handler)
    assert isinstance(raised.value.__context__, _LimitError)
    assert since(before) == {"execute": 3, "many": 3, "errors": 0, "connection errors": 0}
