"""Which endpoints a summary lists, and in which order. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Endpoint = tuple[str, str]  # method, route

TOTAL, P95, COUNT, ERRORS, DB = "total", "p95", "count", "errors", "db"
SORTS = (TOTAL, P95, COUNT, ERRORS, DB)
DEFAULT_ENDPOINTS = 20
MOST_ENDPOINTS = 1000

_FIRST_ERROR = "400"


@dataclass(frozen=True, slots=True)
class Selection:
    """The endpoints of this method, of this route, or of both; None is any."""

    method: str | None = None
    route: str | None = None

    def has(self, method: object, route: object) -> bool:
        return (self.method is None or self.method == method) and (
            self.route is None or self.route == route
        )

    def labels(self) -> list[tuple[str, str]]:
        """What it asks of a series."""
        labels = ("method", self.method), ("route", self.route)
        return [(name, value) for name, value in labels if value is not None]

    def __str__(self) -> str:
        return " ".join(value for _, value in self.labels())


EVERY = Selection()


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first `most` endpoints of the selection by `sort`, one of SORTS, the largest first."""

    sort: str = TOTAL
    most: int = DEFAULT_ENDPOINTS
    selection: Selection = EVERY

    def first(
        self,
        requests: Mapping[tuple[str, str, str], float],
        seconds: Mapping[Endpoint, float],
        p95: Callable[[], Mapping[Endpoint, float]],
        db_seconds: Callable[[], Mapping[Endpoint, float]],
    ) -> list[Endpoint]:
        """Of those that have requests (by method, route, status).

        `p95` and `db_seconds` are asked if they decide.
        """
        counts: dict[Endpoint, float] = {}
        errors: dict[Endpoint, float] = {}
        for (method, route, status), count in requests.items():
            endpoint = method, route
            counts[endpoint] = counts.get(endpoint, 0.0) + count
            if status >= _FIRST_ERROR:
                errors[endpoint] = errors.get(endpoint, 0.0) + count
        values: Mapping[Endpoint, float]
        match self.sort:
            case "p95":
                values = p95()
            case "count":
                values = counts
            case "errors":
                values = errors
            case "db":
                values = db_seconds()
            case _:
                values = seconds
        active = [
            endpoint
            for endpoint, count in counts.items()
            if round(count) and self.selection.has(*endpoint)
        ]
        active.sort(key=lambda each: (-values.get(each, 0.0), -seconds.get(each, 0.0), each))
        return active[: self.most]
