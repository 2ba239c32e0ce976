"""The file of a slot's fine histograms: an array of counts for each (method, route).

    offset 0    int32 native-endian: bytes in use, header included
    offset 4    the version of this layout
    offset 8    rows of ROW_BYTES. An entry is one row, or more for a long key:
                int32 key length, UTF-8 JSON [method, route], zeros, COUNTS float64 at its end

Entries are append-only, and each count is one aligned store, as in a metric file. Rows of one size
let a reader add a whole slot at once.
"""

import json
import re
import struct
from pathlib import Path

from monitoring.storage.format import HEADER_BYTES, Buffer, Scan, pack_used
from monitoring.storage.slot_file import Cells, Share, SlotFile, open_slot_file

FINE = "fine"  # the prefix of such a file, as `counter` is one of a metric file's
COUNTS = 338  # as many as a fine histogram has buckets: metrics/request_families.py
COUNT_BYTES = 8 * COUNTS
ROW_BYTES = 2816
LAYOUT = b"FIN1"
LAYOUT_OF_ANY_VERSION = LAYOUT[:-1]

_LENGTH = struct.Struct("=i")
_FILE_NAME = re.compile(r"fine_(?P<owner>[a-z][a-z0-9]{0,15}-\d{1,4})\.bin")
_UNBOUND = Cells()


def fine_file_name(owner: str) -> str:
    """A name that matches neither metric files, which stock readers would merge, nor locks."""
    return f"{FINE}_{owner}.bin"


def owner_of_fine(name: str) -> str | None:
    """The slot whose fine file has this name; None for any other file."""
    match = _FILE_NAME.fullmatch(name)
    return match["owner"] if match else None


class FineFile(SlotFile):
    """The mapped file. `cells[index]` is the first of a key's counts."""

    __slots__ = ()
    _VALUE_BYTES = COUNT_BYTES

    def add_from(self, other: SlotFile, share: Share | None = None) -> None:
        """Add the counts of another fine file. Raises OSError without space."""
        assert other.cells is not None
        for key, index in other._positions.items():
            here = self._positions.get(key)
            if here is None:
                here = self.append(key)
            assert self.cells is not None
            for number, count in enumerate(other.cells[index : index + COUNTS].tolist()):
                if count:
                    self.cells[here + number] += count

    def _encode(self, key: str) -> bytes:
        encoded = key.encode()
        size = entry_bytes(len(encoded))
        return (_LENGTH.pack(len(encoded)) + encoded).ljust(size, b"\0")

    def _begin(self) -> None:
        self._map[0:HEADER_BYTES] = pack_used(HEADER_BYTES) + LAYOUT

    def _scan(self, start: int, used: int) -> Scan:
        if self._map[4:HEADER_BYTES] != LAYOUT:
            return Scan(damage="it has the layout of another version")
        return scan_rows(self._map, start, used)


class FineValue:
    """One count of a row, for `add_all`; its cell is found at the first write."""

    __slots__ = ("file", "index", "key", "offset")
    prefix = FINE

    def __init__(self, key: str, offset: int) -> None:
        self.key = key
        self.offset = offset
        self.file: Cells = _UNBOUND
        self.index = 0


class FineRow(dict[int, FineValue]):
    """The counts of one method and route; `row[number]` is that of a bucket, made at first use."""

    def __init__(self, method: str, route: str) -> None:
        super().__init__()
        self._key = json.dumps([method, route])

    def __missing__(self, number: int) -> FineValue:
        value = self[number] = FineValue(self._key, number)
        return value


def open_fine_file(path: Path) -> SlotFile:
    """As `open_slot_file`: a damaged file, or one of another layout, is set aside."""
    return open_slot_file(path, FineFile)


def entry_bytes(key_bytes: int) -> int:
    """The bytes of an entry with a key of this length: as many rows as it needs."""
    return -(-(_LENGTH.size + key_bytes + COUNT_BYTES) // ROW_BYTES) * ROW_BYTES


def scan_rows(data: Buffer, start: int, used: int) -> Scan:
    """The entries between `start` and `used`, as `scan_entries` finds those of a metric file."""
    scan = Scan(end=start)
    position = start
    while position < used:
        if position + ROW_BYTES > used:
            scan.damage = f"the row at byte {position} is cut off"
            break
        length = _LENGTH.unpack_from(data, position)[0]
        end = position + entry_bytes(max(length, 0))
        if length <= 0 or end > used:
            scan.damage = f"the row at byte {position} has the impossible key length {length}"
            break
        key_at = position + _LENGTH.size
        scan.entries.append((data[key_at : key_at + length], end - COUNT_BYTES))
        position = end
    scan.end = position
    return scan
