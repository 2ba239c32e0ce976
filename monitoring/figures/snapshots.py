"""Keeps snapshots in a ring, and thins them by age: each 5 s for minutes, each 60 s for a day."""

import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitoring.errors import MonitoringError
from monitoring.figures import ring_file
from monitoring.figures.moments import (
    EMPTY_TABLE,
    Moment,
    SeriesTable,
    is_counter,
    places,
    went_back,
    without,
)
from monitoring.figures.ring_file import MAX_BYTES, RING_FILE, RingReader, RingRecord, start_record
from monitoring.merging.layout import Indices, Values
from monitoring.primitives.platform.boot_clock import boot_id

FINE_SECONDS = ring_file.SNAPSHOT_SECONDS
FINE_SPAN = 310.0  # a little more than five minutes
COARSE_SECONDS = 60.0
COARSE_SPAN = 24 * 3600 + 120.0

_MAX_SUPERFLUOUS = 60  # superfluous snapshots that trigger a rewrite of the file
_MAX_CACHED_TABLES = 8

Number = TypeVar("Number", bound=np.generic)


class SnapshotTooLargeError(MonitoringError):
    """The snapshot has more series than the ring has room for."""


@dataclass(frozen=True, slots=True)
class Start:
    """When the ring began, and whether all counters began at 0 then."""

    time: float
    counters_began: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """What a ring's snapshots are like."""

    file: str
    most_bytes: int
    pack: Callable[[Values], bytes]
    # From the bytes and the number of lines: the values of all, or of those at the places, where
    # -1 stands for a line that is not there, whose values are 0.
    unpack: Callable[[bytes, int, Indices | None], Values]
    # Those that stay of the snapshots, now; the number says how many times fewer than usual.
    thinned: Callable[[Sequence[RingRecord], float, float], list[RingRecord]]


class Snapshots:
    """A ring of a metrics directory. Every process may read; only the elected one calls `add`.

    A ring of another boot than `boot` (default: this one) is ignored: its times mean nothing.
    """

    def __init__(
        self, directory: Path, boot: str | None = None, kind: "Kind | None" = None
    ) -> None:
        self._kind = kind or COUNTERS
        self._boot = boot_id() if boot is None else boot
        self._path = directory / self._kind.file
        self._reader = RingReader(self._path)
        self._tables: dict[int, SeriesTable] = {}

    def start(self) -> Start | None:
        """The start of the ring; None if there is no ring of this boot."""
        for record in self._reader.records():
            if record.kind == ring_file.START:
                facts = self._facts(record)
                if facts is not None and facts.get("boot") == self._boot:
                    return Start(record.time, facts.get("counters_began") is True)
        return None

    def begin_of(
        self, seconds: float | None, now: Moment, only: SeriesTable | None = None
    ) -> tuple[Moment, float | None]:
        """The moment at which a window of `seconds` begins (None: all time), and what it covers.

        Here and below, `only` gives the values of these series, in their order.
        """
        if seconds is None:
            start = self.start()
            is_known = start is not None and start.counters_began
            covered = now.time - start.time if start is not None and is_known else None
            return Moment(0.0, EMPTY_TABLE, np.empty(0)), covered
        then = self.nearest(now.time - seconds, only)
        if then is None:  # nothing is known of the past, so nothing is reported
            return now, 0.0
        return then, now.time - then.time

    def nearest(self, target: float, only: SeriesTable | None = None) -> Moment | None:
        """The moment nearest to `target` (seconds since boot); None without snapshots.

        A moment just after the target is preferred, so that a window holds nothing older.
        """
        start = self.start()
        if start is None:
            return None
        records = [r for r in self._reader.records() if r.kind == ring_file.SNAPSHOT]
        if start.counters_began:
            records.append(RingRecord(ring_file.START, 0, start.time, 0, 0, 0))
        for record in sorted(records, key=lambda r: _distance(r.time, target)):
            moment = self._moment(record, only)
            if moment is not None:
                return moment
        return None

    def spread(
        self, begin: float, step: float, only: SeriesTable | None = None
    ) -> Iterator[Moment]:
        """The first moment in each `step` (seconds) from `begin` on, oldest first."""
        start = self.start()
        if start is None:
            return
        records = [r for r in self._reader.records() if r.kind == ring_file.SNAPSHOT]
        if start.counters_began:
            records.insert(0, RingRecord(ring_file.START, 0, start.time, 0, 0, 0))
        last: int | None = None
        for record in records:
            place = int(record.time // step)
            if record.time >= begin and place != last:
                moment = self._moment(record, only)
                if moment is not None:
                    last = place
                    yield moment

    def add(self, moment: Moment) -> None:
        """Append a moment. Raises OSError (such as a full disk) and SnapshotTooLargeError.

        If counters were reset, a new ring begins: windows do not reach behind the reset.
        """
        start = self.start()
        last = self._last() if start is not None else None
        if start is None:
            self._begin(moment, counters_began=not moment.values.any())
        elif last is not None and (reset := went_back(last, moment)):
            if any(map(is_counter, reset)):  # the files are new
                self._begin(Moment(last.time, EMPTY_TABLE, np.empty(0)), counters_began=True)
            else:  # a file was set aside: its histograms have other bounds, say
                self._begin(without(reset, last, moment.table), counters_began=False)
            self._append(moment)
        elif not self._append(moment):
            self._begin(moment, counters_began=False)
        self._compact(moment.time)

    def _begin(self, moment: Moment, *, counters_began: bool) -> None:
        records = [start_record(moment.time, counters_began=counters_began, boot=self._boot)]
        ring_file.replace(self._path, records)
        self._reader.records()
        if moment.table.lines:
            self._append(moment)

    def _append(self, moment: Moment) -> bool:
        known = {r.table for r in self._reader.records() if r.kind == ring_file.TABLE}
        table = moment.table
        data = []
        if table.id not in known:
            data.append(ring_file.encode(ring_file.TABLE, table.id, moment.time, table.encoded))
        payload = self._kind.pack(moment.values)
        data.append(ring_file.encode(ring_file.SNAPSHOT, table.id, moment.time, payload))
        # So that a rewrite comes before the file is too large.
        if sum(map(len, data)) > self._kind.most_bytes // 5:
            raise SnapshotTooLargeError(f"{len(table.lines)} series are too many for a snapshot")
        self._keep(table.id, table)
        return self._reader.append(data)

    def _last(self) -> Moment | None:
        for record in reversed(self._reader.records()):
            if record.kind == ring_file.SNAPSHOT:
                return self._moment(record)
        return None

    def _compact(self, now: float) -> None:
        """Rewrite the ring without superfluous snapshots if they are many or the file is large."""
        records = list(self._reader.records())
        snapshots = [r for r in records if r.kind == ring_file.SNAPSHOT]
        kept = self._kind.thinned(snapshots, now, 1.0)
        is_large = self._reader.end > 0.8 * self._kind.most_bytes
        if not is_large and len(snapshots) - len(kept) < _MAX_SUPERFLUOUS:
            return
        fewer = 1.0
        chosen = _with_tables(records, kept)
        while sum(r.length for r in chosen) > 0.6 * self._kind.most_bytes and len(kept) > 1:
            fewer *= math.sqrt(2)
            kept = self._kind.thinned(snapshots, now, fewer)
            chosen = _with_tables(records, kept)
        ring_file.replace(self._path, self._copies(chosen))

    def _copies(self, records: Sequence[RingRecord]) -> list[bytes]:
        copies = []
        for record in records:
            payload = self._reader.payload(record)
            if payload is not None:
                copies.append(ring_file.encode(record.kind, record.table, record.time, payload))
        return copies

    def _moment(self, record: RingRecord, only: SeriesTable | None = None) -> Moment | None:
        if record.kind == ring_file.START:
            return Moment(record.time, EMPTY_TABLE, np.empty(0))
        table = self._table(record.table)
        payload = self._reader.payload(record)
        if table is None or payload is None:
            return None
        rows = None if only is None else places(table, only)
        shown = table if only is None else only
        values = self._kind.unpack(payload, len(table.lines), rows)
        return Moment(record.time, shown, values) if len(values) == len(shown.lines) else None

    def _table(self, number: int) -> SeriesTable | None:
        if number not in self._tables:
            found = [
                r for r in self._reader.records() if r.kind == ring_file.TABLE and r.table == number
            ]
            payload = self._reader.payload(found[-1]) if found else None
            if payload is None:
                return None
            self._keep(number, SeriesTable.decode(payload))
        return self._tables[number]

    def _keep(self, number: int, table: SeriesTable) -> None:
        """Keep the tables that were written or read last: each may have half a megabyte."""
        self._tables.pop(number, None)
        while len(self._tables) >= _MAX_CACHED_TABLES:
            del self._tables[next(iter(self._tables))]
        self._tables[number] = table

    def _facts(self, record: RingRecord) -> dict[str, object] | None:
        payload = self._reader.payload(record)
        try:
            facts = json.loads(payload) if payload is not None else None
        except ValueError:
            return None
        return facts if isinstance(facts, dict) else None


def thin(
    snapshots: Sequence[RingRecord], now: float, distance: Callable[[float], float]
) -> list[RingRecord]:
    """Those that stay of a day's: each at least a distance after the one before, by its age."""
    kept: list[RingRecord] = []
    for record in snapshots:
        age = now - record.time
        if age > COARSE_SPAN:
            continue
        # Half an interval early is accepted, because the writer's interval varies.
        least = distance(age) - FINE_SECONDS / 2
        if not kept or record.time - kept[-1].time >= least:
            kept.append(record)
    return kept


def _thinned(snapshots: Sequence[RingRecord], now: float, fewer: float) -> list[RingRecord]:
    """All of the last minutes, then one for each minute."""
    return thin(
        snapshots,
        now,
        lambda age: -math.inf if age <= FINE_SPAN / fewer else COARSE_SECONDS * fewer,
    )


def _with_tables(records: Sequence[RingRecord], kept: Sequence[RingRecord]) -> list[RingRecord]:
    """The kept snapshots with their tables and the START records, in the order of the file."""
    used = {record.table for record in kept}
    offsets = {record.offset for record in kept}
    chosen = []
    for record in records:
        if record.kind == ring_file.TABLE and record.table in used:
            used.discard(record.table)
            chosen.append(record)
        elif record.kind == ring_file.START or record.offset in offsets:
            chosen.append(record)
    return chosen


def _distance(time: float, target: float) -> float:
    """A snapshot's distance from the target; just after the target counts as nearly exact."""
    late = time - target
    return late / 1000 if 0 <= late <= 1.1 * FINE_SECONDS else abs(late)


def _pack(values: Values) -> bytes:
    return zlib.compress(planes(np.ascontiguousarray(values, np.float64)), 1)


def _unpack(payload: bytes, lines: int, rows: Indices | None = None) -> Values:
    values = from_planes(zlib.decompress(payload), np.float64)
    return values if rows is None or len(values) != lines else np.append(values, 0.0)[rows]


def planes(values: NDArray[Any]) -> bytes:
    """Groups bytes of equal significance: most bytes of counts are zeros, so they compress well."""
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def from_planes(data: bytes, kind: type[Number]) -> NDArray[Number]:
    columns = np.frombuffer(data, np.uint8).reshape(np.dtype(kind).itemsize, -1)
    return np.ascontiguousarray(columns.T).reshape(-1).view(kind)


COUNTERS = Kind(RING_FILE, MAX_BYTES, _pack, _unpack, _thinned)
