"""Reads the exemplar files of all slots and merges them into one table.

Each record of the merged table is the latest that any slot has in its place. So a scrape shows at
most RECORDS exemplars, however many slots there are.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_client.samples import Exemplar

from monitoring.merging.layout import Layout, Values
from monitoring.merging.reader import DamageReports, Labels
from monitoring.primitives.platform import files
from monitoring.primitives.small_files import READ
from monitoring.storage.exemplars import (
    FILE_BYTES,
    HEADER_BYTES,
    MAGIC,
    MAGIC_OF_ANY_LAYOUT,
    RECORD_BYTES,
    RECORDS,
    TIMESTAMP_WORD,
    ExemplarRecord,
    bucket_digest,
    decode_record,
    owner_of,
)

Bucket = tuple[str, Labels]  # sample name and labels of a line of the layout
Exemplars = Mapping[Bucket, Exemplar]

_AHEAD_SECONDS = 60.0  # a record dated later was written before the clock was set back


@dataclass(frozen=True, slots=True)
class _Shown:
    """A valid record whose bucket is in the layout; `data` is its bytes."""

    data: bytes
    bucket: Bucket
    exemplar: Exemplar
    timestamp: float


class _FileRecords:
    """The records of one file; `timestamps` has 0 for an empty record or an unusable time."""

    def __init__(self, data: bytes, limit: float) -> None:
        self._data = data
        words = np.frombuffer(data, np.float64, offset=HEADER_BYTES).reshape(RECORDS, -1)
        found = words[:, TIMESTAMP_WORD]
        with np.errstate(invalid="ignore"):  # damaged bytes may be a signalling NaN
            self.timestamps = np.where((found > 0) & (found <= limit), found, 0.0)

    def record(self, number: int) -> bytes:
        start = HEADER_BYTES + number * RECORD_BYTES
        return self._data[start : start + RECORD_BYTES]


class ExemplarReader:
    """Reads the exemplars of a directory; keeps what it learns of a layout. Not thread-safe."""

    def __init__(self, directory: Path, on_damage: Callable[[], None]) -> None:
        """`on_damage` is called once for each damaged file found."""
        self._directory = directory
        self._damage = DamageReports("exemplar", on_damage)
        self._layout: Layout | None = None
        self._buckets: dict[bytes, Bucket] = {}
        self._last: dict[bytes, _Shown] = {}

    def read(self, layout: Layout, now: float) -> dict[Bucket, Exemplar]:
        """The latest exemplar of each bucket of the layout that has one; `now` in Unix seconds.

        Damaged and vanishing files never raise. Memory: one file and the merged table.
        """
        names = self._list()
        if not names:
            return {}
        self._use(layout)
        limit = now + _AHEAD_SECONDS
        newest: Values = np.zeros(RECORDS)
        for records in self._every_file(names, limit):
            np.maximum(newest, records.timestamps, out=newest)
        shown: dict[int, _Shown] = {}
        for records in self._every_file(names, limit):
            self._take(records, (newest > 0) & (records.timestamps == newest), shown)
        # Where the newest record is damaged or has no bucket, take the newest of the others.
        missing = newest > 0
        missing[list(shown)] = False
        if missing.any():
            for records in self._every_file(names, limit):
                self._take(records, missing & (records.timestamps > 0), shown)
        self._last = {item.data: item for item in shown.values()}
        return {item.bucket: item.exemplar for item in shown.values()}

    def _take(
        self, records: _FileRecords, wanted: NDArray[np.bool_], shown: dict[int, _Shown]
    ) -> None:
        """Add to `shown` each wanted record that is valid and later than the one it has."""
        for number in np.flatnonzero(wanted).tolist():
            data = records.record(number)
            # A record that was shown last time is known to be valid.
            item = self._last.get(data) or self._decode(data)
            if item is not None and (
                number not in shown or item.timestamp > shown[number].timestamp
            ):
                shown[number] = item

    def _decode(self, data: bytes) -> _Shown | None:
        record = decode_record(data)
        bucket = None if record is None else self._buckets.get(record.digest)
        if record is None or bucket is None:
            return None
        return _Shown(data, bucket, _exemplar(record), record.timestamp)

    def _every_file(self, names: list[str], limit: float) -> Iterator[_FileRecords]:
        for name in names:
            data = self._read(name)
            if data is not None:
                yield _FileRecords(data, limit)

    def _list(self) -> list[str]:
        try:
            with os.scandir(self._directory) as entries:
                return sorted(entry.name for entry in entries if owner_of(entry.name))
        except OSError:
            return []

    def _use(self, layout: Layout) -> None:
        if layout is not self._layout:
            self._layout = layout
            self._last = {}
            self._buckets = {
                bucket_digest(line.name, line.labels): (line.name, line.labels)
                for family in layout.families
                if family.type == "histogram"
                for line in layout.lines[family.start : family.stop]
                if line.name.endswith("_bucket")
            }

    def _read(self, name: str) -> bytes | None:
        """The file's FILE_BYTES, padded with zeros if it is short; None if it cannot be used.

        Read, not mapped: a file that is truncated meanwhile gives a short read, not a SIGBUS.
        """
        inode = 0
        try:
            descriptor = os.open(self._directory / name, READ)
            try:
                inode = os.fstat(descriptor).st_ino
                data = files.read_at(descriptor, FILE_BYTES, 0)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._damage.report(name, inode, f"{type(error).__name__}: {error}")
            return None
        magic = data[: len(MAGIC)]
        if not any(magic):  # its owner is just creating it
            return None
        if magic != MAGIC and magic.startswith(MAGIC_OF_ANY_LAYOUT):
            return None  # of another version; its slot's next owner replaces it
        if magic != MAGIC:
            self._damage.report(name, inode, "it does not begin as an exemplar file")
            return None
        if len(data) < FILE_BYTES:
            self._damage.report(name, inode, f"it is cut off at byte {len(data)}")
        return data.ljust(FILE_BYTES, b"\0")


def _exemplar(record: ExemplarRecord) -> Exemplar:
    """At most 63 characters of labels; OpenMetrics 1.0 allows 128, names and values together."""
    labels = {"trace_id": record.trace_id.hex()}
    if record.span_id is not None:
        labels["span_id"] = record.span_id.hex()
    return Exemplar(labels, record.value, round(record.timestamp, 3))
