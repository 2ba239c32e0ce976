"""The exemplar file of a slot: its name, its records, and which record a bucket has.

    offset 0    magic with the version of this layout; zeros while the file is being made
    offset 64   RECORDS records of 64 bytes each:
                digest of the bucket (16), trace id (16), span id (8), value and timestamp (float64,
                native-endian), CRC-32 of the 56 bytes before it (uint32), padding (4)

The file never grows. Records 0 to DIRECT_RECORDS - 1 belong to the buckets of the histogram without
labels, by number; the others are a table in which a bucket's digest says its place, and a bucket
that needs an occupied place takes it. A record that was read while it was written does not agree
with its CRC.
"""

import math
import re
import struct
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

DIRECT_RECORDS = 290
HASHED_RECORDS = 1024
RECORDS = DIRECT_RECORDS + HASHED_RECORDS
HEADER_BYTES = 64
RECORD_BYTES = 64
FILE_BYTES = HEADER_BYTES + RECORDS * RECORD_BYTES
MAGIC = b"EXEMPLR1"
TIMESTAMP_WORD = 6  # its place in a record, in units of 8 bytes

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
class Record:
    """A record that was read: seconds observed, and when (Unix seconds)."""

    digest: bytes
    trace_id: bytes
    span_id: bytes | None
    value: float
    timestamp: float


def exemplar_file_name(owner: str) -> str:
    """The file's name: neither a metric file, which stock readers would merge, nor a lock."""
    return f"exemplars_{owner}.bin"


def owner_of(name: str) -> str | None:
    """The slot whose exemplar file is called so; None if it is another file."""
    match = _FILE_NAME.fullmatch(name)
    return match["owner"] if match else None


def bucket_digest(sample: str, labels: tuple[tuple[str, str], ...]) -> bytes:
    """Identifies a bucket: its sample name and labels, `le` last and the others sorted."""
    return blake2b(repr((sample, labels)).encode(), digest_size=16).digest()


def hashed_place(digest: bytes) -> Place:
    """The record of a bucket of a histogram with labels."""
    return Place(DIRECT_RECORDS + int.from_bytes(digest[:8], "big") % HASHED_RECORDS, digest)


def encode_record(digest: bytes, trace: Trace, value: float, timestamp: float) -> bytes:
    body = _BODY.pack(digest, trace.trace_id, trace.span_id, value, timestamp)
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_record(data: bytes) -> Record | None:
    """The record; None if it is empty, torn or damaged. Never raises."""
    if len(data) != RECORD_BYTES:
        return None
    body = data[: _BODY.size]
    if _CHECKSUM.unpack_from(data, _BODY.size)[0] != zlib.crc32(body):
        return None
    digest, trace_id, span_id, value, timestamp = _BODY.unpack(body)
    if trace_id == _NO_TRACE or not math.isfinite(value) or not math.isfinite(timestamp):
        return None
    return Record(digest, trace_id, None if span_id == _NO_SPAN else span_id, value, timestamp)
