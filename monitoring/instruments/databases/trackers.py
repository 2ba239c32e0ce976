"""Counts the queries of the current request and of the current blocks under track_queries, and what
the request's time is spent on.

The current tracker is a context variable: async code and the threads in which Django runs sync code
see it. A thread that a project starts itself begins without one.

There is no lock: a signal handler or a finaliser may ask a database or a cache while one is held,
and would wait for ever. Python switches threads, and calls handlers, after a call or at the end of
a round, so each count here is one step: an addition without a call in it.
"""

from contextvars import ContextVar
from time import perf_counter

from django.http import HttpRequest

from monitoring.instruments.databases.caller import caller
from monitoring.instruments.databases.normalise import MAX_INPUT
from monitoring.instruments.databases.statement_text import known_text
from monitoring.metrics.request_families import CACHE, DB, OUTGOING

_MAX_STATEMENTS = 1000  # different statements that are counted for one request

_Statement = tuple[str, str, str]  # alias, vendor, SQL


class Tracker:
    """Counts the queries of a block, and of the blocks within it.

    `count` is the number of calls of execute and executemany; `total` and `slowest` are seconds.
    """

    __slots__ = ("count", "parent", "slowest", "total")

    def __init__(self, parent: "Tracker | None") -> None:
        self.parent = parent
        self.count = 0
        self.total = 0.0
        self.slowest = 0.0

    def add(self, alias: str, vendor: str, sql: object, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        self.slowest = max(self.slowest, seconds)


class RequestTracker(Tracker):
    """Counts a request's queries by statement. `request` is None once it has ended.

    `is_answering` until the middleware has its answer, whose content may be streamed after that.
    `spent` has the seconds of queries (DB), cache operations (CACHE) and outgoing calls (OUTGOING);
    None before the first. Those that overlap, in threads or tasks, add up to more than the time.
    `callers` has who asked for a statement when it was run more than `repeated_limit` times; None
    before the first.
    """

    __slots__ = (
        "callers",
        "is_answering",
        "repeated_limit",
        "request",
        "spent",
        "statements",
    )

    def __init__(self, parent: Tracker | None, request: HttpRequest, repeated_limit: int) -> None:
        self.parent = parent  # without super(), because every request makes a tracker
        self.count = 0
        self.request: HttpRequest | None = request
        self.is_answering = True
        self.repeated_limit = repeated_limit
        self.spent: dict[str, float] | None = None
        self.statements: dict[_Statement, int] = {}
        self.callers: dict[_Statement, str | None] | None = None

    def add(self, alias: str, vendor: str, sql: object, seconds: float) -> None:
        text = known_text(sql)
        self.count += 1
        self.spend(DB, seconds)
        if text is None or len(text) > MAX_INPUT:
            return
        key = (alias, vendor, text)
        statements = self.statements
        if key not in statements:
            if len(statements) >= _MAX_STATEMENTS:
                return
            statements.setdefault(key, 0)
        statements[key] = times = statements[key] + 1
        if times == self.repeated_limit + 1:
            self.callers = {**(self.callers or {}), key: caller()}

    def spend(self, subject: str, seconds: float) -> None:
        """Add time that was spent on DB, CACHE or OUTGOING."""
        if self.spent is None:
            first = {DB: 0.0, CACHE: 0.0, OUTGOING: 0.0}
            if self.spent is None:
                self.spent = first
        self.spent[subject] += seconds

    def spent_so_far(self) -> tuple[dict[str, float], int]:
        """Seconds by subject, if there are any, and the number of queries.

        Threads may still add to both.
        """
        found = (self.spent or {}).copy()
        return {subject: seconds for subject, seconds in found.items() if seconds}, self.count


class Operation:
    """A cache operation or an outgoing call, which is being timed.

    Queries and other operations within it count for themselves: its own time is the rest.
    """

    __slots__ = ("inner", "name")

    def __init__(self, name: object) -> None:
        """`name` tells what counts only once if it calls itself: a cache's alias, say."""
        self.name: object = name
        self.inner = 0.0

    def end(self, outer: "Operation | None", started: float) -> float:
        """Its own seconds; call it once, with its start (perf_counter) and what it is within."""
        seconds = perf_counter() - started
        self.name = None  # a task that was begun within it may live on
        if outer is not None:
            outer.inner += seconds
        return seconds - self.inner if seconds > self.inner else 0.0


current: ContextVar[Tracker | None] = ContextVar("monitoring_queries", default=None)

# The innermost. Set to the outer one rather than reset: a signal handler may raise before a token
# is kept.
running: ContextVar[Operation | None] = ContextVar("monitoring_operation", default=None)


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


def request_tracker() -> RequestTracker | None:
    """That of the request in this context, however many blocks are within it."""
    tracker = current.get()
    while tracker is not None:
        if isinstance(tracker, RequestTracker):
            return tracker
        tracker = tracker.parent
    return None


def current_request() -> HttpRequest | None:
    """The request in this context; None outside of one, and once it has ended."""
    tracker = request_tracker()
    return None if tracker is None else tracker.request


def spend(subject: str, seconds: float) -> None:
    """Add time to the request of this context, if there is one."""
    tracker = request_tracker()
    if tracker is not None:
        tracker.spend(subject, seconds)


def begin_request(request: HttpRequest, repeated_limit: int) -> RequestTracker:
    """Count the request's queries from now on, in this context."""
    parent = current.get()
    while isinstance(parent, RequestTracker):  # it ended in another context, or never
        parent = parent.parent
    tracker = RequestTracker(parent, request, repeated_limit)
    current.set(tracker)
    return tracker


def end_request(tracker: RequestTracker) -> None:
    """Stop counting. The request may end in another context than it began in."""
    tracker.request = None
    tracker.is_answering = False
    if current.get() is tracker:
        current.set(tracker.parent)
