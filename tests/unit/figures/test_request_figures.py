"""The summary's figures: what is exact, what is estimated, what is null and why."""

import math
from dataclasses import replace

import pytest

from monitoring.figures.quantile import Buckets
from monitoring.figures.request_figures import request_figures
from monitoring.figures.traffic import EndpointTimes, EndpointTraffic, Spent, Traffic, Workers
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


def spending(*seconds: float, spent: Spent, in_all: Spent | None = None) -> Traffic:
    found = traffic(*seconds)
    times = [replace(each, spent=spent) for each in found.endpoints.times]
    endpoints = replace(found.endpoints, times=times, spent=spent, spent_in_all=in_all or spent)
    return replace(found, endpoints=endpoints)


def test_an_endpoint_has_the_parts_of_its_time_and_its_queries_for_each_request() -> None:
    spent = Spent(db=0.03, cache=0.01, outgoing=0.12, queries=6)
    (endpoint,) = request_figures(spending(0.04, 0.06, spent=spent))["endpoints"]
    assert endpoint["db_share"] == pytest.approx(0.3)
    assert endpoint["cache_share"] == pytest.approx(0.1)
    assert endpoint["outgoing_share"] == pytest.approx(1.2)  # calls that overlap
    assert endpoint["queries_per_request"] == 3


def test_an_endpoint_without_queries_has_shares_of_0() -> None:
    (endpoint,) = request_figures(traffic(0.04))["endpoints"]
    assert endpoint["queries_per_request"] == 0
    assert [endpoint[f"{name}_share"] for name in ("db", "cache", "outgoing")] == [0, 0, 0]


def test_shares_of_an_endpoint_without_any_time_are_null_with_a_reason() -> None:
    shares = ["db_share", "cache_share", "outgoing_share"]
    (endpoint,) = request_figures(traffic(0.0))["endpoints"]
    assert [endpoint[name] for name in shares] == [None, None, None]
    for name in shares:
        assert endpoint["unavailable"][name] == "no time of a request in this window"


def test_what_routes_did_not_spend_was_outside_requests() -> None:
    spent, in_all = Spent(db=0.02, cache=0.5), Spent(db=0.07, cache=0.5 * (1 + 1e-12))
    figures = request_figures(spending(0.1, spent=spent, in_all=in_all))["time_spent"]
    assert figures["db"] == {
        "share": pytest.approx(0.2),
        "in_requests_ms": pytest.approx(20),
        "outside_requests_ms": pytest.approx(50),
    }
    assert figures["cache"]["outside_requests_ms"] == 0
    assert figures["outgoing"] == {
        "share": 0,
        "in_requests_ms": 0,
        "outside_requests_ms": 0,
    }


def test_with_outgoing_http_off_its_figures_are_null_with_a_reason() -> None:
    found = traffic(0.1)
    endpoints = replace(found.endpoints, knows_outgoing=False)
    figures = request_figures(replace(found, endpoints=endpoints))
    (endpoint,) = figures["endpoints"]
    assert endpoint["outgoing_share"] is None
    assert endpoint["unavailable"]["outgoing_share"] == "OUTGOING_HTTP is off"
    assert figures["time_spent"]["outgoing"] is None
    assert figures["unavailable"]["time_spent.outgoing"] == "OUTGOING_HTTP is off"
