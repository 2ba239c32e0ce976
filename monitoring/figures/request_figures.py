"""Computes the figures of the summary from the traffic of a window. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from monitoring.figures.quantile import (
    Buckets,
    histogram_quantile,
    lowest_bound,
    middle_quantile,
    reasons,
)
from monitoring.figures.traffic import MOST_ENDPOINTS, Endpoint, Traffic

_FIRST_ERROR = "400"
_FIRST_SERVER_ERROR = "500"
_P95 = "p95_response_time"
_QUANTILES = {
    "min_response_time": 0.0,
    "max_response_time": 1.0,
    "median_response_time": 0.5,
    "p90_response_time": 0.9,
    _P95: 0.95,
    "p99_response_time": 0.99,
}


def request_figures(traffic: Traffic) -> dict[str, Any]:
    """Counts, rates in percent, times in milliseconds; None for a figure without observations.

    `unavailable` says why another figure is None.
    """
    count = _count(traffic.requests)
    errors = _count(traffic.requests, _FIRST_ERROR)
    server_errors = _count(traffic.requests, _FIRST_SERVER_ERROR)
    covered = traffic.covered_seconds
    return {
        "request_count": count,
        "error_count": errors,
        "server_error_count": server_errors,
        "error_rate": _percent(errors, count),
        "server_error_rate": _percent(server_errors, count),
        **_times(traffic.duration, traffic.duration_sum),
        "requests_per_second": count / covered if covered else None,
        "status_codes": _status_codes(traffic.requests),
        "slow_requests_count": round(traffic.slow_count),
        "endpoints": _endpoints(traffic),
        "in_progress": None if traffic.in_progress is None else round(traffic.in_progress),
        "workers": {
            "configured": traffic.workers.configured,
            "alive": traffic.workers.alive,
            "busy": traffic.workers.busy,
        },
        "source": traffic.source,
        "unavailable": reasons(_QUANTILES, traffic.duration),
    }


def _times(duration: Buckets, seconds: float) -> dict[str, float | None]:
    """Percentiles within 2.2 % of the exact values from 61 µs to 128 s, and the exact average."""
    average = seconds / duration.total if duration.total else math.nan
    times = {name: middle_quantile(q, duration) for name, q in _QUANTILES.items()}
    # Both are estimates, but the average is exact: no minimum is above it, no maximum below.
    times["min_response_time"] = min(times["min_response_time"], average)
    times["max_response_time"] = max(times["max_response_time"], average)
    return {name: _milliseconds(value) for name, value in times.items()} | {
        "avg_response_time": _milliseconds(average)
    }


def _endpoints(traffic: Traffic) -> list[dict[str, Any]]:
    """The endpoints that took the most time in total."""
    by_endpoint: dict[Endpoint, dict[str, float]] = defaultdict(dict)
    for (method, route, status), count in traffic.requests.items():
        by_endpoint[method, route][status] = count
    active = [key for key, counts in by_endpoint.items() if round(sum(counts.values()))]
    seconds = traffic.endpoint_seconds
    active.sort(key=lambda key: (-seconds.get(key, 0.0), key))
    return [
        _endpoint(key, by_endpoint[key], seconds.get(key), traffic.endpoint_buckets.get(key))
        for key in active[:MOST_ENDPOINTS]
    ]


def _endpoint(
    key: Endpoint, counts: Mapping[str, float], seconds: float | None, buckets: Buckets | None
) -> dict[str, Any]:
    method, route = key
    count = sum(counts.values())
    errors = sum(count for status, count in counts.items() if status >= _FIRST_ERROR)
    observed = buckets.total if buckets is not None else 0.0
    p95 = None
    # Interpolation inside the lowest bucket would begin at 0: a number that nobody measured.
    if buckets is not None and lowest_bound(0.95, buckets) is None:
        p95 = histogram_quantile(0.95, buckets)
    return {
        "route": route,
        "method": method,
        "request_count": round(count),
        "error_rate": _percent(errors, count),
        "avg_response_time": _milliseconds(seconds / observed if seconds and observed else None),
        _P95: _milliseconds(p95),
        "unavailable": {} if buckets is None else reasons({_P95: 0.95}, buckets),
    }


def _count(requests: Mapping[tuple[str, str, str], float], from_status: str = "") -> int:
    return round(sum(count for key, count in requests.items() if key[2] >= from_status))


def _status_codes(requests: Mapping[tuple[str, str, str], float]) -> dict[str, int]:
    codes: dict[str, float] = defaultdict(float)
    for (_, _, status), count in requests.items():
        codes[status] += count
    return {status: round(codes[status]) for status in sorted(codes) if round(codes[status])}


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None or not math.isfinite(seconds) else 1000 * seconds
