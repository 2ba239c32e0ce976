"""Computes the figures of the summary from the traffic of a window. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from monitoring.figures.quantile import Buckets, histogram_quantile, middle_quantile
from monitoring.figures.traffic import MOST_ENDPOINTS, Endpoint, Traffic

_FIRST_ERROR = "400"
_FIRST_SERVER_ERROR = "500"


def request_figures(traffic: Traffic) -> dict[str, Any]:
    """Counts, rates in percent, times in milliseconds; None for a figure without observations."""
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
    }


def _times(duration: Buckets, seconds: float) -> dict[str, float | None]:
    """Percentiles within 2.2 % of the exact values from 0.5 ms to 120 s, and the exact average."""
    average = seconds / duration.total if duration.total else math.nan
    lowest, highest = middle_quantile(0.0, duration), middle_quantile(1.0, duration)
    times = {
        "avg_response_time": average,
        # Both are estimates, but the average is exact: no minimum is above it, no maximum below.
        "min_response_time": min(lowest, average),
        "max_response_time": max(highest, average),
        "median_response_time": middle_quantile(0.5, duration),
        "p90_response_time": middle_quantile(0.9, duration),
        "p95_response_time": middle_quantile(0.95, duration),
        "p99_response_time": middle_quantile(0.99, duration),
    }
    return {name: _milliseconds(value) for name, value in times.items()}


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
    return {
        "route": route,
        "method": method,
        "request_count": round(count),
        "error_rate": _percent(errors, count),
        "avg_response_time": _milliseconds(seconds / observed if seconds and observed else None),
        "p95_response_time": _milliseconds(
            histogram_quantile(0.95, buckets) if buckets is not None else None
        ),
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
