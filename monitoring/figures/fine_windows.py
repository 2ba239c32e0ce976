"""Windows of the fine counts of routes: a ring of their own, and what was added since then.

A snapshot has about 100 bytes for each method and route, so 1,000 routes need 100 KB. Beyond the
last minutes, two snapshots are 2 to 4 % of their age apart: the begin of a window is within 2 % of
the right one, and a day takes about 250 of them. If they do not fit into MAX_BYTES, the distances
grow: for 1,000 busy routes to 4 to 8 %.
"""

import math
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitoring.figures.moments import EMPTY_TABLE, Moment, SeriesTable, increase, places
from monitoring.figures.ring_file import FINE_RING_FILE, RingRecord
from monitoring.figures.snapshots import FINE_SECONDS, Kind, Snapshots, from_planes, planes, thin
from monitoring.figures.window import Window
from monitoring.merging.fine_reader import Endpoint, shared_fine_reader
from monitoring.merging.layout import Line, Values
from monitoring.metrics.request_families import HIGHR_BOUNDS
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform import boot_clock
from monitoring.storage.fine_file import COUNTS

FINE_BOUNDS = (*HIGHR_BOUNDS, math.inf)
MAX_BYTES = 24 * 1024 * 1024

_SHARE_OF_AGE = 1 / 50
_LINE = "fine_count"  # a name for the ring only: like a histogram's, because rows may be set aside
_MOST = 2.0**53  # above, a double does not hold every whole number


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
        counts: Values = self.now.values[row]
        place = places(self.then.table, self.now.table)[row]
        if place >= 0:
            before = self.then.values[place]
            counts = np.where(counts >= before, counts - before, counts)
        return counts.cumsum()


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
            then, covered = self._snapshots.begin_of(window.seconds, now)
            return FineIncrease(self._endpoints, covered, then, now)

    def take(self) -> None:
        """Keep a snapshot. Raises OSError and SnapshotTooLargeError."""
        with self._lock:
            self._snapshots.add(self._now())

    def _now(self) -> Moment:
        fine = self._reader.read()
        if fine.endpoints is not self._endpoints:
            self._endpoints = fine.endpoints
            self._table = SeriesTable(
                tuple(
                    Line(_LINE, (("method", method), ("route", route)))
                    for method, route in fine.endpoints
                )
            )
        return Moment(boot_clock.now(), self._table, fine.counts)


@per_process
def fine_windows(directory: Path) -> FineWindows:
    """This process's windows of the directory; a forked child gets its own."""
    return FineWindows(directory)


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


def _unpack(payload: bytes, lines: int) -> Values:
    data = zlib.decompress(payload)
    filled = len(data) // (4 + 8)
    values = np.zeros(lines * COUNTS)
    places = np.cumsum(from_planes(data[: 4 * filled], np.uint32), dtype=np.intp)
    values[places] = from_planes(data[4 * filled :], np.uint64)
    return values.reshape(lines, COUNTS)


def _thinned(snapshots: Sequence[RingRecord], now: float, fewer: float) -> list[RingRecord]:
    return thin(snapshots, now, lambda age: max(FINE_SECONDS, _SHARE_OF_AGE * fewer * age))


FINE = Kind(FINE_RING_FILE, MAX_BYTES, _pack, _unpack, _thinned)
