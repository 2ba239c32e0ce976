"""Turns the intervals of a window into chart points and a latency histogram. Pure."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.figures.quantile import Buckets, coarse_quantile, middle_quantile, reasons

MOST_POINTS = 120
MOST_BARS = 44  # of a latency histogram: as many as the fine histogram gives
_NO_TIMES = "no time of these requests is known"
# Steps that are easy to read on an axis; the first is the interval of snapshots.
_STEPS = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_DAY = 86400.0
_QUANTILES = {
    "median_response_time": 0.5,
    "p95_response_time": 0.95,
    "p99_response_time": 0.99,
}
# The fine histogram has 16 buckets for each doubling, a chart has two bars.
_BOUNDS_OF_A_BAR = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """Requests between two times in Unix seconds. Counts may be estimates, so not whole numbers.

    `classes` has the count of each status class, such as `2xx`.
    """

    start: float
    end: float
    classes: Mapping[str, float]
    duration: Buckets


@dataclass(frozen=True, slots=True)
class Intervals:
    """A window's intervals, oldest first, and the response times of the whole window."""

    source: str
    covered_seconds: float | None
    step_seconds: float
    intervals: Sequence[Interval]
    duration: Buckets
    is_fine: bool = True  # else the buckets are LATENCY_BUCKETS
    is_known: bool = True  # False: the endpoints that were chosen have no series


def step_for(seconds: float, least: float, most_points: int = MOST_POINTS) -> float:
    """The shortest readable step of at least `least` seconds that gives at most `most_points`."""
    # Minus two, because neither end of a window must lie on a step.
    needed = max(least, seconds / (most_points - 2))
    return next((step for step in _STEPS if step >= needed), math.ceil(needed / _DAY) * _DAY)


def status_class(status: str) -> str:
    """`2xx` for 204."""
    return f"{status[:1]}xx"


def classes_of(counts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Sums (status, count) pairs by status class; a class without a request is left out."""
    classes: dict[str, float] = defaultdict(float)
    for status, count in counts:
        if count:
            classes[status_class(status)] += count
    return dict(classes)


def points(intervals: Sequence[Interval], *, is_fine: bool = True) -> list[dict[str, Any]]:
    """The JSON of each interval: requests per second, percent, milliseconds; None if unknown."""
    quantile = middle_quantile if is_fine else coarse_quantile
    return [_point(interval, quantile) for interval in intervals]


def unavailable(intervals: Sequence[Interval]) -> dict[str, str]:
    """Why a figure is None in some of the points although they have requests."""
    found: dict[str, str] = {}
    for interval in intervals:
        if interval.classes and not interval.duration.total:
            found |= dict.fromkeys(_QUANTILES, _NO_TIMES)
    for interval in intervals:
        found |= reasons(_QUANTILES, interval.duration)
    return found


def _point(interval: Interval, quantile: Callable[[float, Buckets], float]) -> dict[str, Any]:
    seconds = interval.end - interval.start
    count = sum(interval.classes.values())
    server_errors = interval.classes.get("5xx", 0.0)
    errors = server_errors + interval.classes.get("4xx", 0.0)
    return {
        "time": interval.end,
        "seconds": seconds,
        "requests_per_second": count / seconds if seconds else None,
        "status_classes": {name: round(n) for name, n in sorted(interval.classes.items())},
        "error_rate": 100 * errors / count if count else None,
        "server_error_rate": 100 * server_errors / count if count else None,
        **{name: _finite(1000 * quantile(q, interval.duration)) for name, q in _QUANTILES.items()},
    }


def latency_histogram(buckets: Buckets) -> list[dict[str, Any]]:
    """At most MOST_BARS buckets, from the first to the last that is not empty.

    `from_ms` is exclusive, `to_ms` inclusive; `to_ms` is None above the highest bound.
    """
    of_a_bar = _BOUNDS_OF_A_BAR if len(buckets.bounds) > MOST_BARS else 1
    edges = list(buckets.bounds[::of_a_bar])
    edges += [bound for bound in buckets.bounds[-2:] if bound not in edges]
    cumulative = dict(zip(buckets.bounds, buckets.counts, strict=True))
    bars, low, below = [], 0.0, 0.0
    for high in edges:
        count = round(max(cumulative[high] - below, 0.0))
        bars.append({"from_ms": 1000 * low, "to_ms": _finite(1000 * high), "count": count})
        low, below = high, max(below, cumulative[high])
    filled = [place for place, bar in enumerate(bars) if bar["count"]]
    return bars[filled[0] : filled[-1] + 1] if filled else []


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
