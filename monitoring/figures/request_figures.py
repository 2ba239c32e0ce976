"""Computes the figures of the summary from the traffic of a window. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from monitoring.figures.quantile import (
    Buckets,
    coarse_quantile,
    middle_quantile,
    reasons,
)
from monitoring.figures.ranking import Endpoint
from monitoring.figures.traffic import EndpointTimes, Traffic, Workers

_FIRST_ERROR = "400"
_FIRST_SERVER_ERROR = "500"
_MIN, _MAX = "min_response_time", "max_response_time"
_PERCENTILES = {
    "median_response_time": 0.5,
    "p90_response_time": 0.9,
    "p95_response_time": 0.95,
    "p99_response_time": 0.99,
}
_QUANTILES = {_MIN: 0.0, _MAX: 1.0, **_PERCENTILES}
_SHARES = {"db_share": "db", "cache_share": "cache", "outgoing_share": "outgoing"}
_ROUNDING = 1e-9
_TOO_COARSE = "the buckets of LATENCY_BUCKETS do not tell it"
_NO_TIME = "no time of a request in this window"
_NOT_TIMED = "OUTGOING_HTTP is off"
_NOT_KEPT = "no request in the time that the percentiles of endpoints cover"


def request_figures(traffic: Traffic) -> dict[str, Any]:
    """Counts, rates in percent, times in milliseconds; None for a figure without observations.

    `unavailable` says why another figure is None.
    """
    count = _count(traffic.requests)
    errors = _count(traffic.requests, _FIRST_ERROR)
    server_errors = _count(traffic.requests, _FIRST_SERVER_ERROR)
    covered = traffic.covered_seconds
    by_endpoint: dict[Endpoint, dict[str, float]] = defaultdict(dict)
    for (method, route, status), counted in traffic.requests.items():
        by_endpoint[method, route][status] = counted
    return {
        "request_count": count,
        "error_count": errors,
        "server_error_count": server_errors,
        "error_rate": _percent(errors, count),
        "server_error_rate": _percent(server_errors, count),
        **_times(traffic.duration, _average(traffic.duration_sum, traffic.duration.total)),
        "requests_per_second": count / covered if covered else None,
        "status_codes": _status_codes(traffic.requests),
        "slow_requests_count": round(traffic.slow_count),
        "endpoints": _endpoints(traffic, by_endpoint),
        "endpoint_count": sum(1 for codes in by_endpoint.values() if round(sum(codes.values()))),
        "time_spent": _time_spent(traffic),
        "in_progress": None if traffic.in_progress is None else round(traffic.in_progress),
        "workers": {
            "configured": traffic.workers.configured,
            "alive": traffic.workers.alive,
            "busy": traffic.workers.busy,
        },
        "source": traffic.source,
        "unavailable": reasons(_QUANTILES, traffic.duration)
        | _unknown(traffic.workers)
        | ({} if traffic.endpoints.knows_outgoing else {"time_spent.outgoing": _NOT_TIMED}),
    }


def _unknown(workers: Workers) -> dict[str, str]:
    """Why numbers of workers are None."""
    numbers = {
        "configured": workers.configured,
        "alive": workers.alive,
        "busy": workers.busy,
    }
    return {
        f"workers.{name}": workers.unknown
        for name, number in numbers.items()
        if number is None and workers.unknown
    }


def _times(duration: Buckets, average: float) -> dict[str, float | None]:
    """Percentiles within 2.2 % of the exact values from 61 µs to 128 s, and the exact average.

    The average is in seconds, NaN without observations.
    """
    times = {name: middle_quantile(q, duration) for name, q in _QUANTILES.items()}
    # Both are estimates, but the average is exact: no minimum is above it, no maximum below.
    times[_MIN] = min(times[_MIN], average)
    times[_MAX] = max(times[_MAX], average)
    return {name: _milliseconds(value) for name, value in times.items()} | {
        "avg_response_time": _milliseconds(average)
    }


def _coarse_times(duration: Buckets, average: float) -> dict[str, float | None]:
    times = {name: coarse_quantile(q, duration) for name, q in _PERCENTILES.items()}
    return {_MIN: None, _MAX: None, "avg_response_time": _milliseconds(average)} | {
        name: _milliseconds(value) for name, value in times.items()
    }


def _endpoints(
    traffic: Traffic, by_endpoint: Mapping[Endpoint, Mapping[str, float]]
) -> list[dict[str, Any]]:
    is_fine = traffic.endpoints.is_fine
    endpoints = [
        _endpoint(times, by_endpoint[times.endpoint], is_fine=is_fine)
        for times in traffic.endpoints.times
    ]
    if not traffic.endpoints.knows_outgoing:
        for endpoint in endpoints:
            endpoint["outgoing_share"] = None
            endpoint["unavailable"]["outgoing_share"] = _NOT_TIMED
    return endpoints


def _endpoint(
    times: EndpointTimes, counts: Mapping[str, float], *, is_fine: bool
) -> dict[str, Any]:
    method, route = times.endpoint
    count = sum(counts.values())
    errors = sum(count for status, count in counts.items() if status >= _FIRST_ERROR)
    average = _average(times.seconds, times.observed)
    spent = asdict(times.spent)
    shares = {name: spent[subject] for name, subject in _SHARES.items()}
    return {
        "route": route,
        "method": method,
        "request_count": round(count),
        "error_rate": _percent(errors, count),
        "status_codes": _rounded(counts),
        **(_times if is_fine else _coarse_times)(times.buckets, average),
        **{name: _share(spent, times.seconds) for name, spent in shares.items()},
        "queries_per_request": times.spent.queries / count if count else None,
        "unavailable": _endpoint_reasons(times.buckets, is_fine=is_fine)
        | ({} if times.seconds else dict.fromkeys(shares, _NO_TIME)),
    }


def _time_spent(traffic: Traffic) -> dict[str, dict[str, float | None] | None]:
    """Of all requests, and what is left of the whole site's: outside requests."""
    spent, in_all = asdict(traffic.endpoints.spent), asdict(traffic.endpoints.spent_in_all)
    return {
        subject: {
            "share": _share(spent[subject], traffic.duration_sum),
            "in_requests_ms": 1000 * spent[subject],
            "outside_requests_ms": 1000 * _rest(in_all[subject], spent[subject]),
        }
        if subject != "outgoing" or traffic.endpoints.knows_outgoing
        else None
        for subject in _SHARES.values()
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _rest(whole: float, part: float) -> float:
    """0 if they differ by rounding only, or if queries from before the window are in `part`."""
    rest = whole - part
    return rest if rest > _ROUNDING * whole else 0.0


def _endpoint_reasons(buckets: Buckets, *, is_fine: bool) -> dict[str, str]:
    if not is_fine:
        return {_MIN: _TOO_COARSE, _MAX: _TOO_COARSE} | reasons(_PERCENTILES, buckets)
    if not buckets.total:
        return dict.fromkeys(_QUANTILES, _NOT_KEPT)
    return reasons(_QUANTILES, buckets)


def _average(seconds: float, observed: float) -> float:
    """In seconds; NaN without observations."""
    return seconds / observed if observed else math.nan


def _count(requests: Mapping[tuple[str, str, str], float], from_status: str = "") -> int:
    return round(sum(count for key, count in requests.items() if key[2] >= from_status))


def _status_codes(requests: Mapping[tuple[str, str, str], float]) -> dict[str, int]:
    codes: dict[str, float] = defaultdict(float)
    for (_, _, status), count in requests.items():
        codes[status] += count
    return _rounded(codes)


def _rounded(codes: Mapping[str, float]) -> dict[str, int]:
    return {status: round(count) for status, count in sorted(codes.items()) if round(count)}


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None or not math.isfinite(seconds) else 1000 * seconds
