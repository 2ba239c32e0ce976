"""Windows of the fine counts of routes: a ring of their own, and what was added since then.

Beside the counts of its times, a snapshot has the requests of each endpoint by status class, so
that both are of one moment. It has about 100 bytes for each method and route, so 1,000 routes need
100 KB. Beyond the last minutes, two snapshots are 2 to 4 % of their age apart: the begin of a
window is within 2 % of the right one, and a day takes about 250 of them. If they do not fit into
MAX_BYTES, the distances grow: for 1,000 busy routes to 4 to 8 %.
"""

import math
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from monitoring.figures.cuts import Cut, cut
from monitoring.figures.moments import EMPTY_TABLE, Moment, SeriesTable, increase
from monitoring.figures.quantile import Buckets
from monitoring.figures.ranking import EVERY, Endpoint, Selection
from monitoring.figures.ring_file import FINE_RING_FILE, RingRecord
from monitoring.figures.snapshots import FINE_SECONDS, Kind, Snapshots, from_planes, planes, thin
from monitoring.figures.window import Window
from monitoring.merging.fine_reader import shared_fine_reader
from monitoring.merging.layout import Indices, Layout, Line, Values
from monitoring.merging.merge import Merged
from monitoring.metrics import names
from monitoring.metrics.request_families import HIGHR_BOUNDS
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform import boot_clock
from monitoring.storage.fine_file import COUNTS

FINE_BOUNDS = (*HIGHR_BOUNDS, math.inf)
Counts = tuple[dict[str, float], Buckets]  # requests by status class, and times
MAX_BYTES = 24 * 1024 * 1024

_SHARE_OF_AGE = 1 / 50
# Names for the ring only. The first is like a histogram's, because rows may be set aside; the
# second a counter's: if one is lower than before, all began anew.
_TIMES = "fine_count"
_REQUESTS = names.HTTP_REQUESTS
_MOST = 2.0**53  # above, a double does not hold every whole number
_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class FineIncrease:
    """What was added to each bucket of each endpoint in a window."""

    endpoints: Sequence[Endpoint]
    covered_seconds: float | None  # None: unknown how far back the counts go
    then: Moment
    now: Moment

    def cumulative(self, row: int | None = None) -> Values:
        """The cumulative counts of `endpoints[row]`, or of all endpoints, a row each."""
        if not self.then.table.lines:  # the window begins where all counts did
            return self.now.values[... if row is None else row].cumsum(axis=-1)
        if row is None:
            return increase(self.then, self.now).cumsum(axis=-1)
        before, counts = self.then.values[row], self.now.values[row]
        added: Values = np.where(counts >= before, counts - before, counts)
        return added.cumsum()


class FineWindows:
    """The fine counts of a metrics directory, now and before. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._reader = shared_fine_reader(directory)
        self._snapshots = Snapshots(directory, kind=FINE)
        self._lock = threading.Lock()
        self._endpoints: tuple[Endpoint, ...] = ()
        self._table = EMPTY_TABLE

    def increase(self, window: Window) -> FineIncrease:
        """What was counted in the window that ends now."""
        with self._lock:
            now = self._now()
            then, covered = self._snapshots.begin_of(window.seconds, now, now.table)
            return FineIncrease(self._endpoints, covered, then, now)

    def cut(self, window: Window, selection: Selection, merged: Merged) -> tuple[Cut[Counts], bool]:
        """The window of some endpoints, and whether they have any series."""
        with self._lock:
            now = self._with_requests(merged, selection)
            return cut(self._snapshots, window, now, counts_between), bool(now.table.lines)

    def take(self, merged: Merged) -> None:
        """Keep a snapshot. Raises OSError and SnapshotTooLargeError."""
        with self._lock:
            self._snapshots.add(self._with_requests(merged))

    def _with_requests(self, merged: Merged, selection: Selection = EVERY) -> Moment:
        """The fine counts now, and the requests of the merge, which is a moment older."""
        fine = self._reader.read()
        plan = _plan(merged.layout, fine.endpoints, selection)
        values = np.zeros((len(plan.table.lines), COUNTS))
        values[: len(plan.fine)] = fine.counts[plan.fine]
        np.add.at(values.reshape(-1), plan.targets, merged.values[plan.requests])
        return Moment(boot_clock.now(), plan.table, values)

    def _now(self) -> Moment:
        fine = self._reader.read()
        if fine.endpoints is not self._endpoints:
            self._endpoints = fine.endpoints
            self._table = SeriesTable(tuple(_line(_TIMES, each) for each in fine.endpoints))
        return Moment(boot_clock.now(), self._table, fine.counts)


@per_process
def fine_windows(directory: Path) -> FineWindows:
    """This process's windows of the directory; a forked child gets its own."""
    return FineWindows(directory)


def counts_between(early: Moment, late: Moment) -> Counts:
    """What was added to all lines of `late`: times, and requests."""
    added = increase(early, late)
    times = np.array([line.name == _TIMES for line in late.table.lines], bool)
    by_class = added[~times].sum(axis=0).tolist()
    classes = {f"{digit}xx": count for digit, count in enumerate(by_class[:10]) if count}
    return classes, Buckets(FINE_BOUNDS, added[times].sum(axis=0).cumsum().tolist())


@dataclass(frozen=True, slots=True)
class _Plan:
    """Lines with the counts of `fine`, then lines with requests: in each the class 2xx is at 2."""

    table: SeriesTable
    fine: Indices
    requests: Indices  # rows of the merge
    targets: Indices  # and where each is added


@lru_cache(maxsize=2)  # each entry keeps a layout alive
def _plan(layout: Layout, endpoints: tuple[Endpoint, ...], selection: Selection) -> _Plan:
    fine = [place for place, each in enumerate(endpoints) if selection.has(*each)]
    lines = [_line(_TIMES, endpoints[place]) for place in fine]
    line_of: dict[Endpoint, int] = {}
    requests, targets = [], []
    for family in layout.families:
        if family.name != names.family_of(_REQUESTS):
            continue
        for row in range(family.start, family.stop):
            labels = dict(layout.lines[row].labels)
            endpoint, digit = (labels["method"], labels["route"]), labels["status"][:1]
            if selection.has(*endpoint) and digit in _DIGITS:
                if endpoint not in line_of:
                    line_of[endpoint] = len(lines)
                    lines.append(_line(_REQUESTS, endpoint))
                requests.append(row)
                targets.append(line_of[endpoint] * COUNTS + int(digit))
    return _Plan(
        SeriesTable(tuple(lines)),
        np.array(fine, np.intp),
        np.array(requests, np.intp),
        np.array(targets, np.intp),
    )


def _line(name: str, endpoint: Endpoint) -> Line:
    method, route = endpoint
    return Line(name, (("method", method), ("route", route)))


def middle_quantiles(q: float, cumulative: Values) -> Values:
    """`quantile.middle_quantile` of each row of counts, but 0 where it is NaN."""
    totals = cumulative[:, -1]
    ranks = np.maximum(q * totals, np.minimum(1.0, totals))
    places = np.argmax(cumulative >= ranks[:, np.newaxis], axis=1)
    edges = np.array(FINE_BOUNDS)
    low, high = edges[places - 1], edges[places]
    middles = np.where(np.isinf(high), low, np.sqrt(low * high))
    return np.where((totals > 0) & (places > 0), middles, 0.0)


def _pack(values: Values) -> bytes:
    """The counts that are not 0, and the distances between them."""
    flat = np.nan_to_num(np.clip(values.reshape(-1), 0.0, _MOST))  # a damaged one may be anything
    filled = np.flatnonzero(flat)
    distances = np.diff(filled, prepend=0).astype(np.uint32)
    counts = flat[filled].astype(np.uint64)
    return zlib.compress(planes(distances) + planes(counts), 1)


def _unpack(payload: bytes, lines: int, rows: Indices | None = None) -> Values:
    data = zlib.decompress(payload)
    filled = len(data) // (4 + 8)
    places = np.cumsum(from_planes(data[: 4 * filled], np.uint32), dtype=np.intp)
    counts = from_planes(data[4 * filled :], np.uint64)
    if rows is not None:
        shown_at = np.full(lines, -1)
        here = np.flatnonzero(rows >= 0)
        shown_at[rows[here]] = here
        shown = shown_at[places // COUNTS]
        places, counts = (shown * COUNTS + places % COUNTS)[shown >= 0], counts[shown >= 0]
        lines = len(rows)
    values = np.zeros(lines * COUNTS)
    values[places] = counts
    return values.reshape(lines, COUNTS)


def _thinned(snapshots: Sequence[RingRecord], now: float, fewer: float) -> list[RingRecord]:
    return thin(snapshots, now, lambda age: max(FINE_SECONDS, _SHARE_OF_AGE * fewer * age))


FINE = Kind(FINE_RING_FILE, MAX_BYTES, _pack, _unpack, _thinned)
