"""Quantiles: Prometheus's edge cases, and the bound that fine buckets promise."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.figures.quantile import (
    Buckets,
    buckets_of,
    histogram_quantile,
    middle_quantile,
    reasons,
)
from monitoring.metrics.request_families import HIGHR_BOUNDS

INF = math.inf


@pytest.mark.parametrize(
    ("q", "bounds", "counts", "expected"),
    [
        (0.5, (), (), math.nan),
        (0.5, (INF,), (4,), math.nan),  # only the +Inf bucket
        (0.5, (1.0,), (4,), math.nan),  # one bucket, no +Inf
        (0.5, (1.0, 2.0), (1, 4), math.nan),  # no +Inf
        (0.5, (1.0, INF), (0, 0), math.nan),  # no observation
        (0.5, (1.0, INF), (4, 4), 0.5),  # the first bucket starts at 0
        (0.5, (1.0, INF), (1, 4), 1.0),  # the rank is in +Inf: the highest finite bound
        (0.5, (-1.0, 1.0, INF), (4, 4, 4), -1.0),  # a first bucket below 0 has no lower end
        (0.5, (0.0, 1.0, INF), (4, 4, 4), 0.0),
        (0.75, (1.0, 2.0, 4.0, INF), (2, 4, 8, 8), 3.0),
        (-0.1, (1.0, INF), (4, 4), -INF),
        (1.1, (1.0, INF), (4, 4), INF),
        (math.nan, (1.0, INF), (4, 4), math.nan),
        (0.0, (1.0, 2.0, INF), (0, 4, 4), math.nan),  # 0/0, as Prometheus has it
        (0.0, (1.0, 2.0, INF), (1, 4, 4), 0.0),
        (1.0, (1.0, 2.0, INF), (1, 4, 4), 2.0),
        (0.9, (1.0, 2.0, 3.0, INF), (10, 5, 10, 10), 0.9),  # not monotone: 5 counts as 10
    ],
)
def test_edge_cases_are_prometheus_s(
    q: float, bounds: tuple[float, ...], counts: tuple[float, ...], expected: float
) -> None:
    assert histogram_quantile(q, Buckets(bounds, counts)) == pytest.approx(
        expected, rel=1e-12, nan_ok=True
    )


def test_buckets_in_any_order_and_of_one_bound_are_put_together() -> None:
    buckets = buckets_of([(INF, 8), (1.0, 1), (2.0, 5), (1.0, 2)])
    assert buckets == Buckets([1.0, 2.0, INF], [3.0, 5.0, 8.0])


def fine(values: list[float]) -> Buckets:
    bounds = (*HIGHR_BOUNDS, INF)
    return Buckets(bounds, [float(sum(value <= bound for value in values)) for bound in bounds])


@given(
    st.lists(st.floats(0.000062, 120.0), min_size=1, max_size=50),
    st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_a_fine_quantile_is_within_the_stated_bound_of_the_exact_one(
    values: list[float], q: float
) -> None:
    exact = sorted(values)[max(math.ceil(q * len(values)), 1) - 1]
    assert middle_quantile(q, fine(values)) == pytest.approx(exact, rel=0.0222)


def test_fine_quantiles_do_not_go_down_as_q_goes_up() -> None:
    chance = random.Random(7)
    buckets = fine([chance.lognormvariate(-3, 1) for _ in range(500)])
    found = [middle_quantile(q / 100, buckets) for q in range(101)]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], math.nan), ([1e-5], math.nan), ([500.0], HIGHR_BOUNDS[-1])],
)
def test_a_median_outside_of_the_fine_buckets_is_unknown_below_and_their_edge_above(
    values: list[float], expected: float
) -> None:
    assert middle_quantile(0.5, fine(values)) == pytest.approx(expected, nan_ok=True)


def test_what_falls_in_the_lowest_bucket_has_a_reason_instead_of_a_number() -> None:
    quantiles = {"median": 0.5, "p95": 0.95}
    assert reasons(quantiles, fine([1e-5] * 9 + [0.010])) == {
        "median": "under 0.061 ms, its lowest bucket"
    }
    assert reasons(quantiles, fine([0.010])) == reasons(quantiles, fine([])) == {}
    assert reasons(quantiles, Buckets((math.inf,), (3,))) == {}  # no bound at all
    assert reasons({"p95": 0.95}, Buckets((0.25, math.inf), (3, 3))) == {
        "p95": "under 250 ms, its lowest bucket"
    }
