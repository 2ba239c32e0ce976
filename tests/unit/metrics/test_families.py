"""The metric families: names by Prometheus's rules, buckets as promised."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from monitoring.metrics.histogram import BisectHistogram
from monitoring.metrics.request_families import HIGHR_BOUNDS, build_http_metrics


def test_the_fine_bounds_are_sixteen_for_each_doubling_from_2_to_the_minus_14_to_2_to_the_7() -> (
    None
):
    assert len(HIGHR_BOUNDS) == 21 * 16 + 1
    assert (HIGHR_BOUNDS[0], HIGHR_BOUNDS[-1]) == (2**-14, 2**7)
    for low, high in itertools.pairwise(HIGHR_BOUNDS):
        assert math.isclose(high / low, 2 ** (1 / 16), rel_tol=1e-12)
    # A power of two, and so every bound a doubling apart, is exact.
    assert all(2 * low == high for low, high in zip(HIGHR_BOUNDS, HIGHR_BOUNDS[16:], strict=False))


@given(
    st.lists(st.floats(0, 20) | st.sampled_from([0.005, 1.0, 10.0, 128.0, math.inf]), max_size=9)
)
def test_bisection_finds_the_bucket_that_prometheus_client_finds(amounts: list[float]) -> None:
    registry = CollectorRegistry()
    bounds = (0.005, 1.0, 2.5, 10.0)
    ours = BisectHistogram("ours", "O.", buckets=bounds, registry=registry)
    stock = Histogram("stock", "S.", buckets=bounds, registry=registry)
    for value in (*ours._buckets, ours._sum, *stock._buckets, stock._sum):
        value.set(0)
    for amount in amounts:
        ours.observe(amount)
        stock.observe(amount)
    assert [bucket.get() for bucket in ours._buckets] == [b.get() for b in stock._buckets]
    assert ours._sum.get() == stock._sum.get()


def test_names_and_labels_are_the_contract() -> None:
    metrics = build_http_metrics(CollectorRegistry(), (1.0,))
    families = {
        metric._name: tuple(metric._labelnames)
        for metric in (
            metrics.requests,
            metrics.errors,
            metrics.duration,
            metrics.duration_highr,
            metrics.in_progress,
            metrics.slow,
            metrics.exceptions,
        )
    }
    assert families == {
        "http_requests": ("method", "route", "status"),
        "http_errors": ("method", "route", "status"),
        "http_request_duration_seconds": ("method", "route"),
        "http_request_duration_highr_seconds": (),
        "http_requests_in_progress": (),
        "http_slow_requests": ("method", "route"),
        "http_exceptions": ("type", "route"),
    }
