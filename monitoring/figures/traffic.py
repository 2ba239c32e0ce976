"""The traffic of a window, in the one form that all sources of figures give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from monitoring.errors import MonitoringError
from monitoring.figures.intervals import Intervals
from monitoring.figures.quantile import Buckets
from monitoring.figures.window import Window

MOST_ENDPOINTS = 20  # in an answer: those with the most time in total

# The sources by name, as answers tell them.
LOCAL = "local"
PROMETHEUS = "prometheus"

Endpoint = tuple[str, str]  # method, route


class SourceUnavailableError(MonitoringError):
    """The source cannot answer now. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Workers:
    """Numbers of web workers; None if the source does not know."""

    configured: int | None
    alive: int | None
    busy: int | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of a window. Times are in seconds. Counts may be estimates, so not whole numbers."""

    source: str
    covered_seconds: float | None  # None: unknown how far back the counters go
    requests: Mapping[tuple[str, str, str], float]  # by method, route, status
    duration: Buckets
    duration_sum: float
    endpoint_seconds: Mapping[Endpoint, float]
    endpoint_buckets: Mapping[
        Endpoint, Buckets
    ]  # at least for MOST_ENDPOINTS with the most seconds
    slow_count: float
    in_progress: float | None
    workers: Workers


class TrafficSource(Protocol):
    """Where the figures of a window come from."""

    def traffic(self, window: Window) -> Traffic:
        """The window that ends now. Raises SourceUnavailableError."""

    def intervals(self, window: Window) -> Intervals:
        """The window in at most MOST_POINTS intervals. Raises SourceUnavailableError."""
