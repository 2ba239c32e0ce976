"""Native histograms of `http_request_duration_seconds{method,route}`, from the fine counts.

They are a MetricFamily of their own beside the classic one of the same name. A Prometheus with
native histograms stores no classic buckets of a message that has both, and rules need those.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from monitoring.exposition.negotiation import is_wanted
from monitoring.exposition.protobuf_messages import MetricType, label_fields, native_part
from monitoring.exposition.protobuf_wire import (
    bytes_field,
    delimited,
    double_field,
    integer_field,
    text_field,
)
from monitoring.merging.fine_reader import Endpoint, FineCounts, shared_fine_reader
from monitoring.merging.layout import Family, Indices, Layout, Values
from monitoring.merging.merge import Merged
from monitoring.metrics.names import HTTP_REQUEST_DURATION_SECONDS

_NAMES = HTTP_REQUEST_DURATION_SECONDS


class NativeRoutes:
    """Renders the native histograms of some pairs of method and route.

    Those with the most requests are chosen first, and stay: a series does not come and go.
    A histogram that is unchanged is not encoded again. Not thread-safe.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._most = 0
        self._layout: Layout | None = None
        self._family: Family | None = None
        self._sum_lines: dict[Endpoint, int] = {}
        self._endpoints: tuple[Endpoint, ...] = ()
        self._lines: Indices = np.empty(0, np.intp)  # of each endpoint's sum; -1 without one
        self._counts: Values = np.empty((0, 0))
        self._sums: Values = np.empty(0)
        self._chosen: dict[Endpoint, bytes] = {}  # each as a field of MetricFamily

    def render(self, merged: Merged, most: int, wanted: Collection[str] = ()) -> bytes:
        """The message with at most `most` histograms; their sums are those of the classic ones.

        Empty without a histogram, or if the family is not among the `wanted`, if any.
        """
        is_new = self._use(merged.layout)
        family = self._family
        if family is None or not is_wanted(
            family.name, merged.layout.lines[family.start : family.stop], wanted
        ):
            return b""
        fine = shared_fine_reader(self._directory).read()
        self._choose(fine.endpoints, fine.counts.sum(axis=1), most)
        if is_new or fine.endpoints is not self._endpoints:
            found = (self._sum_lines.get(endpoint, -1) for endpoint in fine.endpoints)
            self._lines = np.fromiter(found, np.intp, len(fine.endpoints))
        sums = np.append(merged.values, 0.0)[self._lines]
        for row in self._changed(fine, sums):
            endpoint = fine.endpoints[row]
            if endpoint in self._chosen:
                self._chosen[endpoint] = _encode(endpoint, fine.counts[row], float(sums[row]))
        self._endpoints, self._counts, self._sums = fine.endpoints, fine.counts, sums
        header = (
            text_field(1, family.name)
            + text_field(2, family.help)
            + integer_field(3, MetricType.HISTOGRAM)
        )
        shown = [data for data in self._chosen.values() if data]
        return delimited(header, shown) if shown else b""

    def _use(self, layout: Layout) -> bool:
        """Find the classic family and its sums; False if the layout is the last one."""
        if layout is self._layout:
            return False
        self._layout = layout
        self._family = next((f for f in layout.families if f.name == _NAMES.family), None)
        self._sum_lines = {}
        if self._family is not None:
            for index in range(self._family.start, self._family.stop):
                line = layout.lines[index]
                if line.name == _NAMES.sum:
                    labels = dict(line.labels)
                    self._sum_lines[labels.get("method", ""), labels.get("route", "")] = index
        return True

    def _choose(self, endpoints: tuple[Endpoint, ...], totals: Values, most: int) -> None:
        if most != self._most:
            self._most, self._chosen = most, {}
        counted = {endpoint for endpoint, total in zip(endpoints, totals, strict=True) if total}
        for gone in self._chosen.keys() - counted:
            del self._chosen[gone]
        if len(self._chosen) < min(most, len(counted)):
            for row in np.argsort(-totals, kind="stable").tolist():
                if len(self._chosen) >= most or not totals[row]:
                    break
                self._chosen.setdefault(endpoints[row], b"")

    def _changed(self, fine: FineCounts, sums: Values) -> list[int]:
        """The rows that are not as in the last call, or were not encoded then."""
        if fine.endpoints is not self._endpoints:
            return list(range(len(fine.endpoints)))
        same = (fine.counts == self._counts).all(axis=1) & (sums == self._sums)
        old = np.array([self._chosen.get(each) != b"" for each in fine.endpoints], np.bool_)
        rows: list[int] = np.flatnonzero(~(same & old)).tolist()
        return rows


def _encode(endpoint: Endpoint, counts: Values, seconds: float) -> bytes:
    """The metric as a field of MetricFamily; empty if its counts are no whole numbers."""
    cumulative = counts.cumsum()
    native = native_part(cumulative)
    if not native:
        return b""
    labels = label_fields(zip(("method", "route"), endpoint, strict=True))
    histogram = integer_field(1, int(cumulative[-1])) + double_field(2, seconds) + native
    return bytes_field(4, labels + bytes_field(7, histogram))
