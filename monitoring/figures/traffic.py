"""The traffic of a window, in the one form that all sources of figures give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitoring.errors import MonitoringError
from monitoring.figures.intervals import Intervals
from monitoring.figures.quantile import Buckets
from monitoring.figures.ranking import Endpoint, Ranking, Selection
from monitoring.figures.window import Window
from monitoring.metrics import names

# The sources by name, as answers tell them.
LOCAL = "local"
PROMETHEUS = "prometheus"

NOT_TOLD = "only a gunicorn with this package's hooks tells how many workers it is to run"


class SourceUnavailableError(MonitoringError):
    """The source cannot answer now. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Workers:
    """Numbers of web workers; None if the source does not know, for the reason in `unknown`."""

    configured: int | None
    alive: int | None
    busy: int | None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds in queries, cache operations and outgoing calls, and the number of queries.

    Those that overlap, in threads or tasks, add up.
    """

    db: float = 0.0
    cache: float = 0.0
    outgoing: float = 0.0
    queries: float = 0.0


# The series that a field of Spent is the sum of: of requests by endpoint, and of all processes.
SPENT_IN_REQUESTS = {
    "db": names.HTTP_REQUEST_DB_SECONDS,
    "cache": names.HTTP_REQUEST_CACHE_SECONDS,
    "outgoing": names.HTTP_REQUEST_OUTGOING_SECONDS,
    "queries": names.HTTP_REQUEST_DB_QUERIES,
}
SPENT_IN_ALL = {
    "db": names.DB_QUERY_DURATION_HIGHR_SECONDS.sum,
    "cache": names.CACHE_OPERATION_SECONDS,
    "outgoing": names.OUTGOING_HTTP_REQUEST_DURATION_SECONDS.sum,
    "queries": names.DB_QUERY_DURATION_HIGHR_SECONDS.count,
}


@dataclass(frozen=True, slots=True)
class EndpointTimes:
    """Response times of one endpoint. `buckets` may be of another time than the rest."""

    endpoint: Endpoint
    seconds: float
    observed: float  # how many times are in `seconds`
    buckets: Buckets
    spent: Spent = Spent()


@dataclass(frozen=True, slots=True)
class EndpointTraffic:
    """The endpoints that were asked for, in their order."""

    times: Sequence[EndpointTimes] = ()
    is_fine: bool = True  # else the buckets are LATENCY_BUCKETS
    covered_seconds: float | None = None  # by the buckets; None: unknown
    spent: Spent = Spent()  # of all endpoints, listed or not
    spent_in_all: Spent = Spent()  # with what ran outside requests
    knows_outgoing: bool = True  # else outgoing calls are not timed


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of a window. Times are in seconds. Counts may be estimates, so not whole numbers."""

    source: str
    covered_seconds: float | None  # None: unknown how far back the counters go
    requests: Mapping[tuple[str, str, str], float]  # by method, route, status
    duration: Buckets
    duration_sum: float
    slow_count: float
    in_progress: float | None
    workers: Workers
    endpoints: EndpointTraffic = EndpointTraffic()


class TrafficSource(Protocol):
    """Where the figures of a window come from."""

    def traffic(self, window: Window, ranking: Ranking | None = None) -> Traffic:
        """The window that ends now; endpoints by the ranking, or none.

        Raises SourceUnavailableError.
        """

    def intervals(self, window: Window, selection: Selection | None = None) -> Intervals:
        """The window in at most MOST_POINTS intervals: of all requests, or of some endpoints'.

        Raises SourceUnavailableError.
        """
