"""Who is interested in the queries of this context: the request, and blocks under track_queries.

The current tracker is a context variable, so it follows the work into async code and into the
threads that Django runs sync code in; threads that a project starts itself begin without one.
"""

import threading
from contextvars import ContextVar

from django.http import HttpRequest

from monitoring.instruments.databases.normalise import MAX_INPUT

_MAX_STATEMENTS = 1000  # different ones that a request is watched for


class Tracker:
    """Counts the queries of a block, and of the blocks within it.

    `count` is the number of calls of execute and executemany; `total` and `slowest` are seconds.
    """

    __slots__ = ("_lock", "count", "parent", "slowest", "total")

    def __init__(self, parent: "Tracker | None") -> None:
        self.parent = parent
        self.count = 0
        self.total = 0.0
        self.slowest = 0.0
        self._lock = threading.Lock()

    def add(self, alias: str, vendor: str, sql: object, seconds: float) -> None:
        with self._lock:
            self.count += 1
            self.total += seconds
            self.slowest = max(self.slowest, seconds)


class RequestTracker(Tracker):
    """A request's queries. `request` is None once it has ended."""

    __slots__ = ("request", "statements")

    def __init__(self, parent: Tracker | None, request: HttpRequest) -> None:
        self.parent = parent  # without super(): every request makes one
        self.count = 0
        self._lock = threading.Lock()
        self.request: HttpRequest | None = request
        self.statements: dict[tuple[str, str, str], int] = {}  # by alias, vendor, SQL

    def add(self, alias: str, vendor: str, sql: object, seconds: float) -> None:
        with self._lock:
            self.count += 1
            if isinstance(sql, str) and len(sql) <= MAX_INPUT:
                key = (alias, vendor, sql)
                known = self.statements.get(key)
                if known is not None:
                    self.statements[key] = known + 1
                elif len(self.statements) < _MAX_STATEMENTS:
                    self.statements[key] = 1


current: ContextVar[Tracker | None] = ContextVar("monitoring_queries", default=None)


def begin_request(request: HttpRequest) -> RequestTracker:
    """The request's queries are counted from now on, in this context."""
    parent = current.get()
    while isinstance(parent, RequestTracker):  # one that ended in another context, or never
        parent = parent.parent
    tracker = RequestTracker(parent, request)
    current.set(tracker)
    return tracker


def end_request(tracker: RequestTracker) -> None:
    """The request has ended, perhaps in another context than it began."""
    tracker.request = None
    if current.get() is tracker:
        current.set(tracker.parent)
