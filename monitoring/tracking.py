"""`track_queries` counts the queries of a block of the project's code under a name."""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from monitoring.instruments.databases.report import report_block
from monitoring.instruments.databases.trackers import Tracker, current

__all__ = ["Tracker", "track_queries"]

P = ParamSpec("P")
T = TypeVar("T")


class track_queries:  # noqa: N801  (used like a function)
    """Counts the queries of a block or a function, sync or async.

    `with track_queries("import") as stats:`, `async with …`, or `@track_queries("import")`.
    `stats` has `count`, `total` and `slowest` (seconds). The name is a label value of
    `db_tracked_queries_total`; after 100 names, further ones become `_OTHER`.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._entered: list[Tracker] = []

    def __enter__(self) -> Tracker:
        tracker = Tracker(current.get())
        current.set(tracker)
        self._entered.append(tracker)
        return tracker

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tracker = self._entered.pop()
        if current.get() is tracker:
            current.set(tracker.parent)
        report_block(self._name, tracker)

    async def __aenter__(self) -> Tracker:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        name = self._name
        if iscoroutinefunction(function):

            @wraps(function)
            async def tracked_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                with track_queries(name):
                    return await cast(Callable[P, Awaitable[Any]], function)(*args, **kwargs)

            return cast(Callable[P, T], tracked_async)

        @wraps(function)
        def tracked(*args: P.args, **kwargs: P.kwargs) -> T:
            with track_queries(name):
                return function(*args, **kwargs)

        return tracked
