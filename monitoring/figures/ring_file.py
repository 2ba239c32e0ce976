"""A file of checksummed records: one process appends, any number of processes read.

A half-written record is skipped, damage costs only the records that it touches, and a rewrite
replaces the file atomically. Readers use pread and no mapping, so truncation cannot crash them. The
content of records other than START is opaque here.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monitoring.primitives.platform import files
from monitoring.primitives.platform.boot_clock import boot_id, now
from monitoring.primitives.small_files import READ, WRITE, replace_whole, write_all

RING_FILE = "snapshots.ring"
FINE_RING_FILE = "fine.ring"
START, TABLE, SNAPSHOT = b"B", b"T", b"S"
SNAPSHOT_SECONDS = 5.0  # between two snapshots, in the elected process
MAX_BYTES = 8 * 1024 * 1024  # of the file; twice that for a moment during a rewrite

_MAGIC = b"\xabMSR"
# magic, kind, payload bytes, payload checksum, table, time; then the checksum of all these.
_HEAD = struct.Struct("<4sc3xIIQd")
_SUM = struct.Struct("<I")
_HEAD_BYTES = _HEAD.size + _SUM.size


@dataclass(frozen=True, slots=True)
class RingRecord:
    """Where a record is; `time` is in seconds since boot, `table` the id of a series table."""

    kind: bytes
    table: int
    time: float
    offset: int
    length: int
    checksum: int

    @property
    def end(self) -> int:
        return self.offset + self.length


def encode(kind: bytes, table: int, time: float, payload: bytes) -> bytes:
    """The bytes of a record in the file."""
    head = _HEAD.pack(_MAGIC, kind, len(payload), zlib.crc32(payload), table, time)
    return head + _SUM.pack(zlib.crc32(head)) + payload


class RingReader:
    """The records of the file at `path`. Records that were read once are not read again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._end = 0
        self._records: list[RingRecord] = []

    @property
    def end(self) -> int:
        """The offset of the end of the last complete record."""
        return self._end

    def records(self) -> list[RingRecord]:
        """All complete records, in the order of writing; empty if the file is missing."""
        try:
            descriptor = os.open(self._path, READ)
        except FileNotFoundError:
            self._inode, self._end, self._records = 0, 0, []
            return []
        try:
            status = os.fstat(descriptor)
            if status.st_ino != self._inode or status.st_size < self._end:
                self._inode, self._end, self._records = status.st_ino, 0, []
            self._scan(descriptor, status.st_size)
        finally:
            os.close(descriptor)
        return self._records

    def append(self, records: Iterable[bytes]) -> bool:
        """Write after the last complete record, over a partial one that a dead writer left.

        Call `records()` before. False if the file is gone or was replaced. Raises OSError (such as
        a full disk); the file then keeps its old end.
        """
        try:
            descriptor = os.open(self._path, WRITE)
        except FileNotFoundError:
            return False
        try:
            status = os.fstat(descriptor)
            if status.st_ino != self._inode:
                return False
            if status.st_size > self._end:
                os.ftruncate(descriptor, self._end)
            try:
                write_all(descriptor, b"".join(records), self._end)
            except OSError:
                os.ftruncate(descriptor, self._end)
                raise
            return True
        finally:
            os.close(descriptor)

    def payload(self, record: RingRecord) -> bytes | None:
        """The record's content; None if it is damaged or the file has been rewritten."""
        try:
            descriptor = os.open(self._path, READ)
        except FileNotFoundError:
            return None
        try:
            if os.fstat(descriptor).st_ino != self._inode:
                return None
            data = files.read_at(descriptor, record.length, record.offset)
        finally:
            os.close(descriptor)
        return data if zlib.crc32(data) == record.checksum else None

    def _scan(self, descriptor: int, size: int) -> None:
        at = self._end
        while at + _HEAD_BYTES <= size:
            record = _parse(files.read_at(descriptor, _HEAD_BYTES, at), at)
            if record is None:
                at = _next_magic(descriptor, at + 1, size)
                continue
            if record.end > size:  # being written, or its writer died
                break
            self._records.append(record)
            at = self._end = record.end


def replace(path: Path, records: Iterable[bytes]) -> None:
    """Replace the file atomically by one with these records. Raises OSError."""
    replace_whole(path, b"".join(records))


def start_record(time: float, *, counters_began: bool, boot: str | None = None) -> bytes:
    """The first record: the boot of all times (default: this one); whether counters began at 0."""
    facts = {"boot": boot_id() if boot is None else boot, "counters_began": counters_began}
    return encode(START, 0, time, json.dumps(facts).encode())


def start_afresh(directory: Path, *, counters_began: bool) -> None:
    """Drop all snapshots, because the counters have been wiped. Raises OSError."""
    record = start_record(now(), counters_began=counters_began)
    for name in (RING_FILE, FINE_RING_FILE):
        replace(directory / name, [record])


def start_after_wipe(directory: Path) -> None:
    """`start_afresh`, after the files that no live process owns were deleted. Raises OSError."""
    start_afresh(directory, counters_began=not any(directory.glob("*.db")))


def _parse(data: bytes, at: int) -> RingRecord | None:
    if len(data) < _HEAD_BYTES or data[:4] != _MAGIC:
        return None
    if _SUM.unpack_from(data, _HEAD.size)[0] != zlib.crc32(data[: _HEAD.size]):
        return None
    _, kind, length, checksum, table, time = _HEAD.unpack_from(data)
    return RingRecord(kind, table, time, at + _HEAD_BYTES, length, checksum)


def _next_magic(descriptor: int, at: int, size: int) -> int:
    found = files.read_at(descriptor, min(size - at, MAX_BYTES), at).find(_MAGIC)
    return size if found < 0 else at + found
