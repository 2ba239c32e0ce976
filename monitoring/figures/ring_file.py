"""The ring of snapshots as a file of checksummed records: one process appends, any number read.

It survives what a file can meet: a record that was half written is skipped, damage in the middle
costs the records it touches, and a rewrite replaces the file as one. Readers use pread and never
map it, so truncation cannot hurt them. Knows nothing of what is in a record.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monitoring.primitives.boot_clock import boot_id, now
from monitoring.primitives.small_files import READ, WRITE, replace_whole, write_all

START, TABLE, SNAPSHOT = b"B", b"T", b"S"
MAX_BYTES = 8 * 1024 * 1024  # of the file; as much again for a moment while it is rewritten

_MAGIC = b"\xabMSR"
# magic, kind, payload bytes, payload checksum, table, time; then the checksum of all these.
_HEAD = struct.Struct("<4sc3xIIQd")
_SUM = struct.Struct("<I")
_HEAD_BYTES = _HEAD.size + _SUM.size


@dataclass(frozen=True, slots=True)
class RingRecord:
    """Where a record stands; `time` in seconds since boot, `table` the id of a series table."""

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
    """A record as it is written."""
    head = _HEAD.pack(_MAGIC, kind, len(payload), zlib.crc32(payload), table, time)
    return head + _SUM.pack(zlib.crc32(head)) + payload


class RingReader:
    """The records of the file at `path`; what was looked at once is not looked at again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._end = 0
        self._records: list[RingRecord] = []

    @property
    def end(self) -> int:
        """Where the last whole record ends."""
        return self._end

    def records(self) -> list[RingRecord]:
        """All whole records, in the order of writing; none if there is no file."""
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
        """Write behind the last whole record, over what a dead writer left there half-way.

        Call `records()` before. False if the file is gone or another one. Raises OSError (a full
        disk); the file then ends where it did.
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
        """What the record holds; None if it is damaged, or the file has been rewritten."""
        try:
            descriptor = os.open(self._path, READ)
        except FileNotFoundError:
            return None
        try:
            if os.fstat(descriptor).st_ino != self._inode:
                return None
            data = os.pread(descriptor, record.length, record.offset)
        finally:
            os.close(descriptor)
        return data if zlib.crc32(data) == record.checksum else None

    def _scan(self, descriptor: int, size: int) -> None:
        at = self._end
        while at + _HEAD_BYTES <= size:
            record = _parse(os.pread(descriptor, _HEAD_BYTES, at), at)
            if record is None:
                at = _next_magic(descriptor, at + 1, size)
                continue
            if record.end > size:  # being written, or its writer died
                break
            self._records.append(record)
            at = self._end = record.end


def _parse(data: bytes, at: int) -> RingRecord | None:
    if len(data) < _HEAD_BYTES or data[:4] != _MAGIC:
        return None
    if _SUM.unpack_from(data, _HEAD.size)[0] != zlib.crc32(data[: _HEAD.size]):
        return None
    _, kind, length, checksum, table, time = _HEAD.unpack_from(data)
    return RingRecord(kind, table, time, at + _HEAD_BYTES, length, checksum)


def _next_magic(descriptor: int, at: int, size: int) -> int:
    found = os.pread(descriptor, min(size - at, MAX_BYTES), at).find(_MAGIC)
    return size if found < 0 else at + found


def replace(path: Path, records: Iterable[bytes]) -> None:
    """A new file with these records, in place of the old one at once. Raises OSError."""
    replace_whole(path, b"".join(records))


RING_FILE = "snapshots.ring"


def start_record(time: float, *, counters_began: bool, boot: str | None = None) -> bytes:
    """The first record: which boot (by default this one) its times are of; were all counters 0."""
    facts = {"boot": boot_id() if boot is None else boot, "counters_began": counters_began}
    return encode(START, 0, time, json.dumps(facts).encode())


def start_afresh(directory: Path, *, counters_began: bool) -> None:
    """Forget all snapshots: the counters have been wiped. Raises OSError."""
    record = start_record(now(), counters_began=counters_began)
    replace(directory / RING_FILE, [record])
