"""The file of a slot's fine histograms: an array of counts for each (method, route).

    offset 0    as in a metric file: bytes in use, and the file's mark
    offset 8    the version of this layout
    offset 16   rows of ROW_BYTES. An entry is one row, or more for a long key:
                int32 key length, UTF-8 JSON [method, route], zeros, COUNTS float64 at its end

Entries are append-only, and each count is one aligned store, as in a metric file. Rows of one size
let a reader add a whole slot at once.
"""

import json
import re
import struct

from monitoring.storage.format import FINE, HEADER_BYTES, Buffer, Scan, pack_used
from monitoring.storage.slot_file import Cells, SlotFile

COUNTS = 338  # as many as a fine histogram has buckets: metrics/request_families.py
COUNT_BYTES = 8 * COUNTS
ROW_BYTES = 2816
LAYOUT = b"FINEHST1"
LAYOUT_OF_ANY_VERSION = LAYOUT[:-1]
ROWS_AT = HEADER_BYTES + len(LAYOUT)

_LENGTH = struct.Struct("=i")
_FILE_NAME = re.compile(r"fine_(?P<owner>[a-z][a-z0-9]{0,15}-\d{1,4})\.bin")
_UNBOUND = Cells()


def owner_of_fine(name: str) -> str | None:
    """The slot whose fine file has this name; None for any other file."""
    match = _FILE_NAME.fullmatch(name)
    return match["owner"] if match else None


class FineFile(SlotFile):
    """The mapped file. `cells[index]` is the first of a key's counts."""

    __slots__ = ()
    _CELLS = _SUMMED = COUNTS

    def _encode(self, key: str) -> bytes:
        encoded = key.encode()
        size = entry_bytes(len(encoded))
        return (_LENGTH.pack(len(encoded)) + encoded).ljust(size, b"\0")

    def _begin(self) -> None:
        super()._begin()
        self._map[HEADER_BYTES:ROWS_AT] = LAYOUT
        self._map[0:4] = pack_used(ROWS_AT)
        self._used = ROWS_AT

    def _scan(self, start: int, used: int) -> Scan:
        if used < ROWS_AT or self._map[start:ROWS_AT] != LAYOUT:
            return Scan(end=ROWS_AT, damage="it has the layout of another version")
        return scan_rows(self._map, ROWS_AT, used)


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
