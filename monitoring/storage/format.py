"""prometheus-client's mmap file format: names, header, entries.

    offset 0  int32 native-endian: bytes in use, header included
    offset 4  4 bytes of padding; our writers put the file's mark there, which its copies share
    offset 8  entries, append-only, each 8-byte aligned:
              int32 key length, UTF-8 JSON key, 1 to 8 spaces, float64 value, float64 timestamp

Because every value is 8-byte aligned, one aligned store writes it whole: a reader never sees half.
"""

import json
import mmap
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEADER_BYTES = 8
MARK_BYTES = 4
PAIR_BYTES = 16  # value and timestamp
PAGE_BYTES = 4096
MAX_FILE_BYTES = 256 * 1024 * 1024  # about 1.5 million series; the format itself ends at 2 GiB
FINE = "fine"  # the prefix of a file that is no metric file: storage/fine_file.py
LIVE_MODES = ("liveall", "livemin", "livemax", "livesum", "livemostrecent")

_INT = struct.Struct("i")
_METRIC_FILE = re.compile(
    r"(?P<prefix>counter|histogram|summary|gauge_[a-z]+)_(?P<owner>[^_]+)\.db"
)

Buffer = bytes | mmap.mmap  # slices of both are bytes


@dataclass(frozen=True, slots=True)
class FileName:
    """The parts of `counter_web-0.db`, `gauge_livesum_web-0.db`, …"""

    prefix: str
    owner: str

    @property
    def type(self) -> str:
        return self.prefix.partition("_")[0]

    @property
    def mode(self) -> str:
        """The gauge's multiprocess mode; empty for the other types."""
        return self.prefix.partition("_")[2]

    @property
    def is_live(self) -> bool:
        return self.mode in LIVE_MODES


def parse_file_name(name: str) -> FileName | None:
    match = _METRIC_FILE.fullmatch(name)
    return FileName(match["prefix"], match["owner"]) if match else None


def file_path(directory: Path, prefix: str, owner: str) -> Path:
    return directory / f"{prefix}_{owner}.{'bin' if prefix == FINE else 'db'}"


@dataclass(slots=True)
class Scan:
    """What was found in a file: entries as (raw key, offset of the value), and where it ended.

    `damage` is None, or says what stopped the scan: nothing after `end` can be trusted then.
    """

    entries: list[tuple[bytes, int]] = field(default_factory=list)
    end: int = HEADER_BYTES
    damage: str | None = None


def metric_key(
    family: str,
    sample: str,
    label_names: Sequence[str],
    label_values: Sequence[str],
    help_text: str,
) -> str:
    """The key of an entry, as prometheus-client's `mmap_key` writes it."""
    labels = dict(zip(label_names, label_values, strict=True))
    return json.dumps([family, sample, labels, help_text], sort_keys=True)


def read_used(data: Buffer) -> int:
    used: int = _INT.unpack_from(data, 0)[0]
    return used


def read_mark(data: Buffer) -> bytes:
    """The file's mark; zeros in a file of prometheus-client's."""
    return data[HEADER_BYTES - MARK_BYTES : HEADER_BYTES]


def pack_used(used: int) -> bytes:
    return _INT.pack(used)


def scan_entries(data: Buffer, start: int, used: int, skipped: int = 0) -> Scan:
    """Read the entries between `start` and `used`; `data` must reach up to `used`.

    `data` lacks the file's first `skipped` bytes; offsets are those in the file nevertheless.
    Never raises on damaged bytes; the work and memory are bounded by `used`.
    """
    scan = Scan()
    add = scan.entries.append
    unpack = _INT.unpack_from
    position = start
    while position < used:
        if position + 4 > used:
            scan.damage = f"entry at byte {position + skipped} is cut off"
            break
        length = unpack(data, position)[0]
        value_at = position + 4 + length + 8 - (length + 4) % 8
        if length <= 0 or value_at + PAIR_BYTES > used:
            scan.damage = (
                f"entry at byte {position + skipped} has the impossible key length {length}"
            )
            break
        add((data[position + 4 : position + 4 + length], value_at + skipped))
        position = value_at + PAIR_BYTES
    scan.end = position + skipped
    return scan


def encode_entry(key: str) -> bytes:
    """A complete entry with value and timestamp 0; its last 16 bytes are that pair."""
    encoded = key.encode()
    padding = b" " * (8 - (len(encoded) + 4) % 8)
    return b"".join((_INT.pack(len(encoded)), encoded, padding, bytes(PAIR_BYTES)))


def metric_files(names: Iterator[str]) -> Iterator[tuple[str, FileName]]:
    """The metric files among `names`, each with the parts of its name."""
    for name in names:
        parts = parse_file_name(name)
        if parts is not None:
            yield name, parts
