"""Figures from counts: what is summed, what is averaged, what is null."""

import math

import pytest

from monitoring.figures.database_figures import database_figures
from monitoring.metrics.database_families import QUERY_HIGHR_BOUNDS
from tests.unit.figures.moments import line


def test_the_figures_are_sums_over_all_aliases() -> None:
    counted = {
        line("django_db_query_duration_seconds_count", alias="default", vendor="sqlite"): 30.0,
        line("django_db_query_duration_seconds_count", alias="other", vendor="sqlite"): 10.0,
        line("django_db_query_duration_seconds_sum", alias="default", vendor="sqlite"): 1.5,
        line("django_db_query_duration_seconds_sum", alias="other", vendor="sqlite"): 0.5,
        line("django_db_execute_total", alias="default", vendor="sqlite"): 90.0,
        line("django_db_errors_total", alias="default", vendor="sqlite", type="A"): 2.0,
        line("django_db_errors_total", alias="default", vendor="sqlite", type="B"): 1.0,
        line("http_request_queries_sum"): 36.0,
        line("http_request_queries_count"): 8.0,
        line("db_slow_queries_total", alias="default"): 4.0,
        line("db_repeated_queries_total", route="/a/"): 5.0,
        line("db_query_duration_highr_seconds_count"): 40.0,
    }
    for bound in (*QUERY_HIGHR_BOUNDS, math.inf):
        le = "+Inf" if bound == math.inf else str(bound)
        counted[line("db_query_duration_highr_seconds_bucket", le=le)] = (
            40.0 if bound >= 0.25 else 0
        )
    figures = database_figures(list(counted), list(counted.values()))
    p95 = figures.pop("p95_execution_time")
    assert 1000 * 2**-2.25 <= p95 <= 250
    assert figures == {
        "query_count": 40,
        "statement_count": 90,
        "error_count": 3,
        "total_execution_time": 2000.0,
        "avg_execution_time": 50.0,
        "queries_per_request": 4.5,
        "slow_queries_count": 4,
        "repeated_queries_count": 5,
        "unavailable": {},
    }


def test_no_query_has_no_average() -> None:
    figures = database_figures([], [])
    assert {name for name, value in figures.items() if value is None} == {
        "avg_execution_time",
        "p95_execution_time",
        "queries_per_request",
    }
    assert figures.pop("unavailable") == {}
    assert {value for value in figures.values() if value is not None} == {0}


def test_queries_that_are_shorter_than_the_histogram_tells_have_a_reason_and_no_number() -> None:
    counted = {
        line("db_query_duration_highr_seconds_bucket", le=str(QUERY_HIGHR_BOUNDS[0])): 4.0,
        line("db_query_duration_highr_seconds_bucket", le="+Inf"): 4.0,
    }
    figures = database_figures(list(counted), list(counted.values()))
    assert figures["p95_execution_time"] is None
    assert figures["unavailable"] == {"p95_execution_time": "under 0.061 ms, its lowest bucket"}


def test_the_average_of_times_is_exact() -> None:
    counted = {
        line("django_db_query_duration_seconds_count", alias="a", vendor="v"): 3.0,
        line("django_db_query_duration_seconds_sum", alias="a", vendor="v"): 0.3,
    }
    figures = database_figures(list(counted), list(counted.values()))
    assert figures["avg_execution_time"] == pytest.approx(100.0)
