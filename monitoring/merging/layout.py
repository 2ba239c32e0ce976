"""The layout of a merged registry: which line shows which series, worked out once."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.merging.reader import Labels

Values = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Series:
    """A series of the files; a histogram has one per bucket (not cumulative) and a sum."""

    family: str
    sample: str
    labels: Labels
    type: str
    help: str


@dataclass(frozen=True, slots=True)
class Line:
    """One sample of the output: everything but its value."""

    name: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family; its samples are the lines from `start` up to `stop`."""

    name: str  # without a counter's `_total`
    type: str
    help: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class BucketLines:
    """Histogram children with the same number of buckets, one row each."""

    series: Indices  # (children, buckets): the series that hold the counts
    lines: Indices  # (children, buckets): the lines that show cumulative counts
    total_lines: Indices  # (children, 1 or 2): the lines that repeat the last count


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """The registry without its values. Compared by identity: the same object has the same lines."""

    families: tuple[Family, ...]
    lines: tuple[Line, ...]
    plain_series: Indices
    plain_lines: Indices
    buckets: tuple[BucketLines, ...]

    def output(self, totals: Values) -> Values:
        """The value of every line, from the merged value of every series."""
        values = np.empty(len(self.lines))
        values[self.plain_lines] = totals[self.plain_series]
        for group in self.buckets:
            cumulative = totals[group.series].cumsum(axis=1)
            values[group.lines] = cumulative
            values[group.total_lines] = cumulative[:, -1:]
        return values


@dataclass(frozen=True, slots=True)
class _Child:
    series: list[int]
    lines: list[int]
    total_lines: list[int]


def build_layout(series: Sequence[Series], shown: Indices) -> Layout:
    """Sort families by name, samples by labels, buckets by bound; `shown` indexes `series`."""
    by_family: dict[str, list[int]] = defaultdict(list)
    for number in shown.tolist():
        by_family[series[number].family].append(number)
    families: list[Family] = []
    lines: list[Line] = []
    plain: list[tuple[int, int]] = []
    children: dict[tuple[int, int], list[_Child]] = defaultdict(list)
    for name in sorted(by_family):
        numbers = by_family[name]
        start = len(lines)
        first = series[numbers[0]]
        if first.type == "histogram":
            for child in _add_histograms(series, name, numbers, lines, plain):
                children[len(child.series), len(child.total_lines)].append(child)
        else:
            for number in sorted(numbers, key=lambda n: (series[n].labels, series[n].sample)):
                _add_plain(series, number, lines, plain)
        if len(lines) > start:
            families.append(Family(name, first.type, first.help, start, len(lines)))
    return Layout(
        tuple(families),
        tuple(lines),
        np.array([number for number, _ in plain], np.intp),
        np.array([line for _, line in plain], np.intp),
        tuple(
            BucketLines(
                np.array([child.series for child in group], np.intp),
                np.array([child.lines for child in group], np.intp),
                np.array([child.total_lines for child in group], np.intp),
            )
            for group in children.values()
        ),
    )


def _add_plain(
    series: Sequence[Series], number: int, lines: list[Line], plain: list[tuple[int, int]]
) -> None:
    plain.append((number, len(lines)))
    lines.append(Line(series[number].sample, series[number].labels))


def _add_histograms(
    series: Sequence[Series],
    name: str,
    numbers: list[int],
    lines: list[Line],
    plain: list[tuple[int, int]],
) -> list[_Child]:
    """Add each child's buckets, its sum and its count, as the stock collector names them.

    A process writes a child's sum first, then its buckets in order, and may be killed between two.
    Both formats require +Inf: where it is missing, a line with the child's total is added. A child
    with a sum alone is left out.
    """
    buckets: dict[Labels, list[tuple[float, int]]] = defaultdict(list)
    others: dict[Labels, list[int]] = defaultdict(list)
    for number in numbers:
        labels = series[number].labels
        bound = bound_of(labels)
        if bound is None:
            others[labels].append(number)
        else:
            buckets[tuple(pair for pair in labels if pair[0] != "le")].append((bound, number))
    children: list[_Child] = []
    for labels in sorted(buckets.keys() | others.keys()):
        rows = sorted(buckets.get(labels, ()))
        rest = others.get(labels, ())
        if not rows and all(series[number].sample == f"{name}_sum" for number in rest):
            continue
        first_line = len(lines)
        lines.extend(Line(f"{name}_bucket", series[number].labels) for _, number in rows)
        totals = []
        if rows and rows[-1][0] != math.inf:
            totals.append(len(lines))
            lines.append(Line(f"{name}_bucket", (*labels, ("le", "+Inf"))))
        for number in rest:
            if not rows or series[number].sample != f"{name}_count":
                _add_plain(series, number, lines, plain)
        if rows:
            bucket_lines = list(range(first_line, first_line + len(rows)))
            totals.append(len(lines))
            children.append(_Child([number for _, number in rows], bucket_lines, totals))
            lines.append(Line(f"{name}_count", labels))
    return children


def bound_of(labels: Labels) -> float | None:
    """A bucket's upper bound; None without `le`. Raises ValueError if `le` is not a number."""
    for name, value in labels:
        if name == "le":
            bound = float(value)
            if math.isnan(bound):
                raise ValueError("le is NaN")
            return bound
    return None
