"""Computes quantiles of histograms with classic buckets.

`histogram_quantile` gives the same results as Prometheus's function of that name, by the rules of
promql/quantile.go in the same order. `middle_quantile` is for fine buckets: interpolation inside a
bucket can be wrong by the bucket's width, its middle only by half of the width. Of what falls in
the lowest bucket, only its bound is known: `reasons` says so, and a figure there is None.

https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Buckets:
    """Distinct upper bounds in ascending order, and the cumulative count up to each."""

    bounds: Sequence[float]
    counts: Sequence[float]

    @property
    def total(self) -> float:
        return max(self.counts, default=0.0)


def buckets_of(pairs: Iterable[tuple[float, float]]) -> Buckets:
    """Buckets from (upper bound, cumulative count) in any order; equal bounds are summed."""
    merged: dict[float, float] = {}
    for bound, count in pairs:
        merged[bound] = merged.get(bound, 0.0) + count
    bounds = sorted(merged)
    return Buckets(bounds, _monotonic([merged[bound] for bound in bounds]))


def histogram_quantile(q: float, buckets: Buckets) -> float:
    """The result of Prometheus's `histogram_quantile(q, …)`, NaN included."""
    if math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    if len(buckets.bounds) < 2 or buckets.bounds[-1] != math.inf or buckets.total == 0:
        return math.nan
    return _interpolate(q, buckets.bounds, _monotonic(buckets.counts))


def middle_quantile(q: float, buckets: Buckets) -> float:
    """The geometric middle of the bucket that holds the nearest-rank q-quantile, 0 <= q <= 1.

    If each bound is f times the one before, the result is within a factor sqrt(f) of the exact
    value. Above the largest finite bound it is that bound. NaN without observations, and in the
    lowest bucket, which may hold anything down to 0.
    """
    index = _nearest(q, buckets)
    if index is None or _is_lowest(index, buckets.bounds):
        return math.nan
    low, high = buckets.bounds[index - 1], buckets.bounds[index]
    return low if high == math.inf else math.sqrt(low * high)


def coarse_quantile(q: float, buckets: Buckets) -> float:
    """As Prometheus's `histogram_quantile` gives it, but NaN in the lowest bucket."""
    # Interpolation inside the lowest bucket would begin at 0: a number that nobody measured.
    return math.nan if lowest_bound(q, buckets) else histogram_quantile(q, buckets)


def lowest_bound(q: float, buckets: Buckets) -> float | None:
    """The bound of the lowest bucket if the q-quantile falls in it; else None."""
    index = _nearest(q, buckets)
    if index is None or not _is_lowest(index, buckets.bounds):
        return None
    bound = buckets.bounds[index]
    return bound if math.isfinite(bound) else None


def reasons(quantiles: Mapping[str, float], buckets: Buckets) -> dict[str, str]:
    """Why a quantile in seconds is None although there are observations, by the figures' names."""
    found = {name: lowest_bound(q, buckets) for name, q in quantiles.items()}
    return {
        name: f"under {float(f'{1000 * bound:.2g}'):g} ms, its lowest bucket"
        for name, bound in found.items()
        if bound is not None
    }


def _nearest(q: float, buckets: Buckets) -> int | None:
    """The place of the bucket that holds the nearest-rank quantile; None without observations."""
    counts = _monotonic(buckets.counts)
    if not counts or not counts[-1] > 0:
        return None
    # At least 1: q = 0 means the smallest observation.
    return _first_reaching(max(q * counts[-1], min(1.0, counts[-1])), counts)


def _is_lowest(index: int, bounds: Sequence[float]) -> bool:
    return index == 0 or bounds[index - 1] <= 0


def _interpolate(q: float, bounds: Sequence[float], counts: Sequence[float]) -> float:
    """Linear inside the bucket that the rank falls in."""
    rank = q * counts[-1]
    index = _first_reaching(rank, counts)
    if index == len(bounds) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    inside = counts[index] - below
    if inside == 0:  # q = 0 and an empty first bucket: 0/0
        return math.nan
    return start + (bounds[index] - start) * ((rank - below) / inside)


def _first_reaching(rank: float, counts: Sequence[float]) -> int:
    """The first bucket whose count reaches the rank; the last one if none before it does."""
    return bisect_left(range(len(counts) - 1), True, key=lambda index: counts[index] >= rank)


def _monotonic(counts: Sequence[float]) -> list[float]:
    """Raise counts that fall (scraped while they changed) to the highest count before them."""
    return list(accumulate(counts, _higher))


def _higher(highest: float, count: float) -> float:
    return highest if count < highest else count
