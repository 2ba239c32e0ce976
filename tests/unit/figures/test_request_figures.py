"""The summary's figures: what is exact, what is estimated, what is null and why."""

import math
from dataclasses import replace

import pytest

from monitoring.figures.quantile import Buckets
from monitoring.figures.request_figures import request_figures
from monitoring.figures.traffic import EndpointTimes, EndpointTraffic, Traffic, Workers
from monitoring.metrics.request_families import HIGHR_BOUNDS

LOWEST = "under 0.061 ms, its lowest bucket"
CLASSIC = (0.005, 0.01, math.inf)
ENDPOINT = ("GET", "/a/")


def traffic(*seconds: float, is_fine: bool = True) -> Traffic:
    def buckets(bounds: tuple[float, ...]) -> Buckets:
        return Buckets(bounds, [float(sum(s <= bound for s in seconds)) for bound in bounds])

    of_endpoint = buckets((*HIGHR_BOUNDS, math.inf) if is_fine else CLASSIC)
    return Traffic(
        source="local",
        covered_seconds=60.0,
        requests={(*ENDPOINT, "200"): float(len(seconds))},
        duration=buckets((*HIGHR_BOUNDS, math.inf)),
        duration_sum=sum(seconds),
        slow_count=0.0,
        in_progress=None,
        workers=Workers(None, None, None),
        endpoints=EndpointTraffic(
            [EndpointTimes(ENDPOINT, sum(seconds), len(seconds), of_endpoint)], is_fine, 60.0
        ),
    )


def test_answers_shorter_than_the_histogram_tells_have_reasons_and_no_numbers() -> None:
    figures = request_figures(traffic(*[0.00005] * 8))
    names = {f"{name}_response_time" for name in ("min", "max", "median", "p90", "p95", "p99")}
    assert {name: figures[name] for name in names} == dict.fromkeys(names)
    assert figures["unavailable"] == dict.fromkeys(names, LOWEST)
    assert figures["avg_response_time"] == pytest.approx(0.05)  # exact, so it stays


def test_only_the_figures_in_the_lowest_bucket_are_null() -> None:
    figures = request_figures(traffic(*[0.00005] * 6, 0.006, 0.006, 0.006))
    assert figures["unavailable"] == {
        "min_response_time": LOWEST,
        "median_response_time": LOWEST,
    }
    assert (figures["min_response_time"], figures["median_response_time"]) == (None, None)
    assert figures["max_response_time"] > 5


def test_an_endpoint_has_the_percentiles_of_its_own_fine_histogram() -> None:
    (endpoint,) = request_figures(traffic(*[0.0003] * 90, *[0.0007] * 8, 0.004, 0.9))["endpoints"]
    for name, exact in {
        "min": 0.3,
        "median": 0.3,
        "p90": 0.3,
        "p95": 0.7,
        "p99": 4.0,
        "max": 900.0,
    }.items():
        assert endpoint[f"{name}_response_time"] == pytest.approx(exact, rel=0.022), name
    assert endpoint["unavailable"] == {}


def test_an_endpoint_faster_than_its_fine_histogram_tells_has_reasons() -> None:
    (endpoint,) = request_figures(traffic(*[0.00005] * 9, 0.001))["endpoints"]
    assert endpoint["unavailable"] == dict.fromkeys(
        ("min_response_time", "median_response_time", "p90_response_time"), LOWEST
    )
    assert endpoint["median_response_time"] is None
    assert endpoint["max_response_time"] == pytest.approx(1, rel=0.022)


def test_percentiles_that_do_not_reach_back_to_the_requests_are_null_with_a_reason() -> None:
    found = traffic(0.001)
    none = Buckets((*HIGHR_BOUNDS, math.inf), [0.0] * (len(HIGHR_BOUNDS) + 1))
    times = EndpointTimes(ENDPOINT, 0.001, 1.0, none)
    (endpoint,) = request_figures(replace(found, endpoints=EndpointTraffic([times])))["endpoints"]
    assert endpoint["request_count"] == 1
    assert endpoint["avg_response_time"] == pytest.approx(1)
    assert endpoint["p95_response_time"] is None
    assert set(endpoint["unavailable"].values()) == {
        "no request in the time that the percentiles of endpoints cover"
    }


def test_an_endpoint_in_the_first_classic_bucket_has_no_percentile_but_a_reason() -> None:
    (endpoint,) = request_figures(traffic(0.001, 0.002, is_fine=False))["endpoints"]
    assert endpoint["p95_response_time"] is None
    assert endpoint["unavailable"]["p95_response_time"] == "under 5 ms, its lowest bucket"
    (endpoint,) = request_figures(traffic(0.006, 0.006, is_fine=False))["endpoints"]
    assert 5 < endpoint["p95_response_time"] <= 10
    assert endpoint["unavailable"] == dict.fromkeys(
        ("min_response_time", "max_response_time"), "the buckets of LATENCY_BUCKETS do not tell it"
    )


def test_no_request_has_no_figure_and_needs_no_reason() -> None:
    figures = request_figures(traffic())
    assert figures["p95_response_time"] is None
    assert figures["unavailable"] == {}
