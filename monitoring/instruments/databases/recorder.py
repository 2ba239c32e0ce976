"""Counts and times queries, as an execute wrapper on each connection.

This is the hot path: children are looked up once for each alias, and all writes of a query are made
together. The only exceptions that leave it are those of the query itself.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sized
from functools import cache
from time import perf_counter
from typing import Any

from prometheus_client import Counter

from monitoring.conf import get_settings
from monitoring.instruments.databases.trackers import current, running
from monitoring.metrics.database_families import DatabaseMetrics, database_metrics
from monitoring.metrics.labels import OTHER
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.primitives.interruptions import is_interruption, put_behind
from monitoring.storage.client_internals import parts_of
from monitoring.storage.self_report import report_error
from monitoring.storage.values import SlotValue, add_all, value_of

_MAX_ERROR_TYPES = 50

Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]


class QueryRecorder:
    """An execute wrapper (Django's "database instrumentation") for the connections of one alias."""

    def __init__(
        self,
        alias: str,
        vendor: str,
        metrics: DatabaseMetrics,
        slow_seconds: float,
        *,
        double: bool,
        comments: bool = False,
    ) -> None:
        """`double`: the backend is django-prometheus's, which writes its own families itself."""
        self._alias = alias
        self._vendor = vendor
        self._metrics = metrics
        self._slow_seconds = slow_seconds
        self._double = double
        self._comments = comments
        self._error_types = BoundedNames(_MAX_ERROR_TYPES, OTHER)
        self._slow = value_of(metrics.slow.labels(alias))
        self._highr = metrics.duration_highr
        self._count = self._many = self._sum = None
        if not double:
            self._count = value_of(metrics.execute.labels(alias, vendor))
            self._many = value_of(metrics.execute_many.labels(alias, vendor))
            duration = metrics.duration.labels(alias, vendor)
            self._sum, self._buckets, self._bounds = parts_of(duration)

    def __call__(
        self, execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if many and not isinstance(params, Sized) and isinstance(params, Iterable):
            params = _Counted(params)
        failure: BaseException | None = None
        result = None
        sent = self._commented(sql, params, many) if self._comments else sql
        started = perf_counter()
        try:
            result = execute(sent, params, many, context)
        except BaseException as error:
            failure = error
        # Ours begins where the query has ended: nothing of the query's is caught below.
        rest: Iterator[tuple[SlotValue, float]] | None = None
        try:
            seconds = perf_counter() - started
            rest = iter(self._writes(seconds, params, many))
            add_all(rest)
            if failure is not None and not self._double:
                self._count_error(failure)
            self._note(seconds, sql, context)
        except BaseException as error:
            if is_interruption(error):  # it goes on once the query is counted
                if rest is None:
                    rest = iter(self._writes(perf_counter() - started, params, many))
                if failure is not None:
                    put_behind(error, failure)
                add_all(rest)
                raise
            report_error("a query could not be recorded")
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # else a cycle: the exception, its traceback, this frame
        return result

    def _commented(self, sql: Any, params: Any, many: bool) -> Any:
        from monitoring.instruments.databases.sql_comment import commented  # noqa: PLC0415  (opt-in)

        if many and self._vendor == "mysql":
            return sql  # its drivers join the rows of an INSERT only if VALUES ends it
        try:
            return commented(sql, params)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a query could not be commented")
            return sql

    def _writes(
        self, seconds: float, params: Any, many: bool
    ) -> tuple[tuple[SlotValue, float], ...]:
        own: tuple[tuple[SlotValue, float], ...] = self._highr.writes(seconds)
        if seconds >= self._slow_seconds:
            own = ((self._slow, 1.0), *own)
        if self._count is None or self._sum is None or self._many is None:
            return own
        shared = (self._sum, seconds), (self._buckets[bisect_left(self._bounds, seconds)], 1.0)
        if many:
            sets = float(_items(params))
            return ((self._count, sets), (self._many, sets), *shared, *own)
        return ((self._count, 1.0), *shared, *own)

    def _note(self, seconds: float, sql: Any, context: dict[str, Any]) -> None:
        tracker = current.get()
        while tracker is not None:
            tracker.add(self._alias, self._vendor, sql, seconds)
            tracker = tracker.parent
        operation = running.get()
        if operation is not None:  # a cache in a database
            operation.inner += seconds
        if seconds >= self._slow_seconds:
            from monitoring.instruments.databases.report import report_slow  # noqa: PLC0415  (rare)

            report_slow(self._alias, self._vendor, sql, seconds, context.get("cursor"))

    def _count_error(self, error: BaseException) -> None:
        name = type(error).__name__
        name = self._error_types.get(name) or self._error_types.learn(name, name)
        self._metrics.errors.labels(self._alias, self._vendor, name).inc()


class _Counted:
    """Counts the items that a driver takes from an iterator given to executemany.

    It has no length, because drivers do nothing with parameters of length 0.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)
        self.taken = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self._items)
        self.taken += 1
        return item


def _items(params: Any) -> int:
    if isinstance(params, _Counted):
        return params.taken
    return len(params) if isinstance(params, Sized) else 0


@cache
def query_recorder(alias: str, vendor: str, double: bool) -> QueryRecorder:
    """The recorder for the connections of an alias; a forked child goes on using it."""
    settings = get_settings()
    return QueryRecorder(
        alias,
        vendor,
        database_metrics(),
        settings.SLOW_QUERY_MS / 1000,
        double=double,
        comments=settings.SQL_COMMENTS,
    )


def count_connection(alias: str, vendor: str) -> None:
    _count(database_metrics().connections, alias, vendor)


def count_connection_error(alias: str, vendor: str) -> None:
    _count(database_metrics().connection_errors, alias, vendor)


def _count(family: Counter, alias: str, vendor: str) -> None:
    try:
        family.labels(alias, vendor).inc()
    except Exception as error:
        if is_interruption(error):
            raise
        report_error("a connection could not be recorded")
