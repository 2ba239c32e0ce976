"""Counts the queries of the current request and of the current blocks under track_queries.

The current tracker is a context variable: async code and the threads in which Django runs sync code
see it. A thread that a project starts itself begins without one.
"""

import threading
from contextvars import ContextVar

from django.http import HttpRequest

from monitoring.instruments.databases.normalise import MAX_INPUT
from monitoring.primitives.platform.forks import at_fork

_MAX_STATEMENTS = 1000  # different statements that are counted for one request


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
    """Counts a request's queries by statement. `request` is None once it has ended.

    `is_answering` until the middleware has its answer, whose content may be streamed after that.
    """

    __slots__ = ("is_answering", "request", "statements")

    def __init__(self, parent: Tracker | None, request: HttpRequest) -> None:
        self.parent = parent  # without super(), because every request makes a tracker
        self.count = 0
        self._lock = threading.Lock()
        self.request: HttpRequest | None = request
        self.is_answering = True
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


def _renew_locks_in_child() -> None:
    """Another thread may have held the lock of a block within which this process was forked."""
    tracker = current.get()
    while tracker is not None:
        tracker._lock = threading.Lock()
        tracker = tracker.parent


at_fork(after_in_child=_renew_locks_in_child)


def is_within_request() -> bool:
    """Whether a request is being answered in this context, however deep it called us.

    A stream that nobody closed does not count: it would swallow its thread's further requests.
    """
    tracker = current.get()
    while tracker is not None:
        if isinstance(tracker, RequestTracker) and tracker.is_answering:
            return True
        tracker = tracker.parent
    return False


def begin_request(request: HttpRequest) -> RequestTracker:
    """Count the request's queries from now on, in this context."""
    parent = current.get()
    while isinstance(parent, RequestTracker):  # it ended in another context, or never
        parent = parent.parent
    tracker = RequestTracker(parent, request)
    current.set(tracker)
    return tracker


def end_request(tracker: RequestTracker) -> None:
    """Stop counting. The request may end in another context than it began in."""
    tracker.request = None
    tracker.is_answering = False
    if current.get() is tracker:
        current.set(tracker.parent)
