"""The summary's figures: what is exact, what is estimated, what is null and why."""

import math

import pytest

from monitoring.figures.quantile import Buckets
from monitoring.figures.request_figures import request_figures
from monitoring.figures.traffic import Traffic, Workers
from monitoring.metrics.request_families import HIGHR_BOUNDS

LOWEST = "under 0.061 ms, its lowest bucket"
CLASSIC = (0.005, 0.01, math.inf)
ENDPOINT = ("GET", "/a/")


def traffic(*seconds: float) -> Traffic:
    def buckets(bounds: tuple[float, ...]) -> Buckets:
        return Buckets(bounds, [float(sum(s <= bound for s in seconds)) for bound in bounds])

    return Traffic(
        source="local",
        covered_seconds=60.0,
        requests={(*ENDPOINT, "200"): float(len(seconds))},
        duration=buckets((*HIGHR_BOUNDS, math.inf)),
        duration_sum=sum(seconds),
        endpoint_seconds={ENDPOINT: sum(seconds)},
        endpoint_buckets={ENDPOINT: buckets(CLASSIC)},
        slow_count=0.0,
        in_progress=None,
        workers=Workers(None, None, None),
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


def test_an_endpoint_in_the_first_classic_bucket_has_no_percentile_but_a_reason() -> None:
    (endpoint,) = request_figures(traffic(0.001, 0.002))["endpoints"]
    assert endpoint["p95_response_time"] is None
    assert endpoint["unavailable"] == {"p95_response_time": "under 5 ms, its lowest bucket"}
    (endpoint,) = request_figures(traffic(0.006, 0.006))["endpoints"]
    assert 5 < endpoint["p95_response_time"] <= 10
    assert endpoint["unavailable"] == {}


def test_no_request_has_no_figure_and_needs_no_reason() -> None:
    figures = request_figures(traffic())
    assert figures["p95_response_time"] is None
    assert figures["unavailable"] == {}
