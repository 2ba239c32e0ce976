"""The exemplar file of a slot: its format, each bucket's place in it, and its writer.

    offset 0    magic with the version of this layout; zeros while the file is being made
    offset 64   RECORDS records of 64 bytes each:
                digest of the bucket (16), trace id (16), span id (8), value and timestamp (float64,
                native-endian), CRC-32 of the 56 bytes before it (uint32), padding (4)

The file never grows. Records 0 to DIRECT_RECORDS - 1 belong to the buckets of the histogram without
labels, by number; the others are a hash table: a bucket's digest gives its place, and it replaces
another bucket's record there. A record that is read while it is written fails its CRC.
"""

import math
import mmap
import os
import re
import struct
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from monitoring.primitives.platform import files
from monitoring.primitives.small_files import CREATE, READ, give_to_owner, is_at

DIRECT_RECORDS = 338  # as many as that histogram has buckets: metrics/request_families.py
HASHED_RECORDS = 1024
RECORDS = DIRECT_RECORDS + HASHED_RECORDS
HEADER_BYTES = 64
RECORD_BYTES = 64
FILE_BYTES = HEADER_BYTES + RECORDS * RECORD_BYTES
MAGIC = b"EXEMPLR2"
MAGIC_OF_ANY_LAYOUT = MAGIC[:-1]
TIMESTAMP_WORD = 6  # its offset in a record, in units of 8 bytes

_BODY = struct.Struct("=16s16s8sdd")
_CHECKSUM = struct.Struct("=I4x")
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
_FILE_NAME = re.compile(r"exemplars_(?P<owner>[a-z][a-z0-9]{0,15}-\d{1,4})\.bin")


class Trace(NamedTuple):
    """What an exemplar points to: 16 bytes of trace id and 8 of span id."""

    trace_id: bytes
    span_id: bytes


class Place(NamedTuple):
    """The record of a bucket: its number in the file, and the bucket's digest."""

    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ExemplarRecord:
    """A decoded record; `value` in seconds, `timestamp` in Unix seconds."""

    digest: bytes
    trace_id: bytes
    span_id: bytes | None
    value: float
    timestamp: float


def exemplar_file_name(owner: str) -> str:
    """A name that matches neither metric files, which stock readers would merge, nor locks."""
    return f"exemplars_{owner}.bin"


def owner_of(name: str) -> str | None:
    """The slot whose exemplar file has this name; None for any other file."""
    match = _FILE_NAME.fullmatch(name)
    return match["owner"] if match else None


def bucket_digest(sample: str, labels: tuple[tuple[str, str], ...]) -> bytes:
    """Identifies a bucket: its sample name and labels, `le` last and the others sorted."""
    return blake2b(repr((sample, labels)).encode(), digest_size=16).digest()


def hashed_place(digest: bytes) -> Place:
    """The record of a bucket of a histogram with labels."""
    return Place(DIRECT_RECORDS + int.from_bytes(digest[:8], "big") % HASHED_RECORDS, digest)


def bucket_place(sample: str, labels: tuple[tuple[str, str], ...], number: int) -> Place:
    """The record of a histogram's bucket `number`; `sample` and `labels` as for `bucket_digest`."""
    digest = bucket_digest(sample, labels)
    return Place(number, digest) if len(labels) == 1 else hashed_place(digest)


def encode_record(digest: bytes, trace: Trace, value: float, timestamp: float) -> bytes:
    body = _BODY.pack(digest, trace.trace_id, trace.span_id, value, timestamp)
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_record(data: bytes) -> ExemplarRecord | None:
    """The record; None if it is empty, torn or damaged. Never raises."""
    if len(data) != RECORD_BYTES:
        return None
    body = data[: _BODY.size]
    if _CHECKSUM.unpack_from(data, _BODY.size)[0] != zlib.crc32(body):
        return None
    digest, trace_id, span_id, value, timestamp = _BODY.unpack(body)
    if trace_id == _NO_TRACE or not math.isfinite(value) or not math.isfinite(timestamp):
        return None
    return ExemplarRecord(
        digest, trace_id, None if span_id == _NO_SPAN else span_id, value, timestamp
    )


class ExemplarFile:
    """The mapped file. The caller holds the process's lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Raises OSError when there is no space."""
        self._path = path
        # Reserved before it is mapped: on a full file system a write into a hole is a SIGBUS.
        files.reserve(descriptor, FILE_BYTES)
        self._map = mmap.mmap(descriptor, FILE_BYTES)
        self._descriptor = descriptor
        self._map[: len(MAGIC)] = MAGIC

    @property
    def is_lost(self) -> bool:
        """Whether the file is gone from its place, or cut short: a write would be a SIGBUS."""
        return (
            not is_at(self._path, self._descriptor)
            or os.fstat(self._descriptor).st_size < FILE_BYTES
        )

    def put(self, number: int, record: bytes) -> None:
        """Replace the record with this number."""
        start = HEADER_BYTES + number * RECORD_BYTES
        self._map[start : start + RECORD_BYTES] = record

    def forget(self) -> None:
        """Close the file; in a forked child, its copy of the parent's mapping."""
        self._map.close()
        os.close(self._descriptor)


def open_exemplar_file(path: Path) -> ExemplarFile:
    """Open or create the file; the last owner's exemplars stay.

    A file of another layout is replaced. Raises OSError when it cannot be opened or there is
    no space; then no new file is left behind.
    """
    if not _is_usable(path):
        path.unlink()
    # Not by `open_owned`: whatever fails, no new file stays behind.
    descriptor = os.open(path, CREATE, 0o600)
    is_new = os.fstat(descriptor).st_size == 0
    try:
        give_to_owner(descriptor, path.parent)
        return ExemplarFile(path, descriptor)
    except BaseException:
        os.close(descriptor)
        if is_new:
            path.unlink(missing_ok=True)
        raise


def _is_usable(path: Path) -> bool:
    """Whether the file is missing, was left unfinished by a dead owner, or is complete."""
    try:
        descriptor = os.open(path, READ)
    except FileNotFoundError:
        return True
    try:
        size = os.fstat(descriptor).st_size
        magic = files.read_at(descriptor, len(MAGIC), 0)
    finally:
        os.close(descriptor)
    return size == 0 or (size == FILE_BYTES and magic in (MAGIC, bytes(len(MAGIC))))
