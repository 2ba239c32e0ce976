"""Reads the fine files of all slots and adds them up: the counts of each method and route."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitoring.merging.layout import Indices, Values
from monitoring.merging.reader import EXHAUSTED, DamageReports
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform import files
from monitoring.primitives.small_files import READ
from monitoring.storage import values
from monitoring.storage.directory import owner as directory_owner
from monitoring.storage.fine_file import (
    COUNT_BYTES,
    COUNTS,
    LAYOUT,
    LAYOUT_OF_ANY_VERSION,
    ROW_BYTES,
    ROWS_AT,
    owner_of_fine,
    scan_rows,
)
from monitoring.storage.format import HEADER_BYTES, MAX_FILE_BYTES, read_used

Endpoint = tuple[str, str]  # method, route

_FORGET_ABOVE = 1000  # endpoints of vanished files that are kept before all is learnt again
_HEAD_BYTES = ROW_BYTES - COUNT_BYTES  # of a row: the key, or its end


@dataclass(frozen=True, eq=False, slots=True)
class FineCounts:
    """`counts[i]` has the count of each bucket for `endpoints[i]`, not cumulative.

    `endpoints` stays the same object until one is added.
    """

    endpoints: tuple[Endpoint, ...]
    counts: Values


@dataclass(frozen=True, slots=True)
class _Rows:
    """What was learnt of a file: its rows `rows[i]` have the counts of endpoint `numbers[i]`."""

    inode: int
    heads: NDArray[np.uint8]  # of all its rows, to see whether they are still the same
    rows: Indices
    numbers: Indices


class FineReader:
    """Reads the fine files of a directory, and keeps what it learns of their rows. Thread-safe."""

    def __init__(self, directory: Path, on_damage: Callable[[], None]) -> None:
        """`on_damage` is called once for each damaged file found."""
        self._directory = directory
        self._damage = DamageReports("fine", on_damage)
        self._lock = threading.Lock()
        self._owner = files.user()
        self._numbers: dict[Endpoint, int] = {}
        self._endpoints: tuple[Endpoint, ...] = ()
        self._known: dict[str, _Rows] = {}
        self._buffer = bytearray()  # of one file, used again for the next one

    def read(self) -> FineCounts:
        """The sum of all files now. Damaged and vanishing files never raise.

        Raises MetricsDirectoryError if the directory is another user's, and OSError if it cannot be
        read or this process can open no more files.
        """
        with self._lock:
            names = self._list()
            for name in self._known.keys() - set(names):
                del self._known[name]
            shown = max((len(known.numbers) for known in self._known.values()), default=0)
            if len(self._numbers) > _FORGET_ABOVE + 2 * shown:
                self._numbers, self._endpoints, self._known = {}, (), {}
            counts: Values = np.zeros((len(self._numbers), COUNTS))
            for name in names:
                inode, used = self._load(name)
                if used > ROWS_AT:
                    counts = self._add(counts, name, inode, used)
            if len(self._endpoints) != len(self._numbers):
                self._endpoints = tuple(self._numbers)
            return FineCounts(self._endpoints, counts)

    def _add(self, counts: Values, name: str, inode: int, used: int) -> Values:
        rows = (used - ROWS_AT) // ROW_BYTES
        data = np.frombuffer(self._buffer, np.uint8, rows * ROW_BYTES, ROWS_AT)
        table = data.reshape(rows, ROW_BYTES)
        heads = table[:, :_HEAD_BYTES]
        known = self._known.get(name)
        if (
            known is None
            or known.inode != inode
            or len(known.heads) != rows
            or not np.array_equal(known.heads, heads)
        ):
            known = self._known[name] = self._learn(name, inode, used, heads.copy())
            missing = len(self._numbers) - len(counts)
            if missing:
                counts = np.concatenate((counts, np.zeros((missing, COUNTS))))
        found = table[:, _HEAD_BYTES:].view(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # damaged bytes may be any number
            if np.array_equal(known.numbers, np.arange(rows)):  # so the rows are in order as well
                counts[:rows] += found
            else:
                counts[known.numbers] += found[known.rows]
        return counts

    def _learn(self, name: str, inode: int, used: int, heads: NDArray[np.uint8]) -> _Rows:
        scan = scan_rows(bytes(memoryview(self._buffer)[:used]), ROWS_AT, used)
        if scan.damage is not None:
            self._damage.report(name, inode, scan.damage)
        rows: dict[int, int] = {}
        for raw, counts_at in scan.entries:
            endpoint = _parse(raw)
            number = (
                -1 if endpoint is None else self._numbers.setdefault(endpoint, len(self._numbers))
            )
            if number < 0 or number in rows:
                self._damage.report(name, inode, "a row's key is not a method and a route")
            else:
                rows[number] = (counts_at - ROWS_AT) // ROW_BYTES
        return _Rows(
            inode,
            heads,
            np.fromiter(rows.values(), np.intp, len(rows)),
            np.fromiter(rows, np.intp, len(rows)),
        )

    def _list(self) -> list[str]:
        try:
            self._owner = directory_owner(self._directory)
            with os.scandir(self._directory) as entries:
                return sorted(entry.name for entry in entries if owner_of_fine(entry.name))
        except FileNotFoundError:
            return []

    def _load(self, name: str) -> tuple[int, int]:
        """Read the file into the buffer; its inode, and the bytes in use, or 0 if it has none.

        Read, not mapped: a file that is truncated meanwhile gives a short read, not a SIGBUS.
        """
        inode = 0
        try:
            descriptor = os.open(self._directory / name, READ)
            try:
                status = os.fstat(descriptor)
                inode = status.st_ino
                if status.st_uid not in (self._owner, 0):
                    raise ValueError("it belongs to another user")
                head = files.read_at(descriptor, ROWS_AT, 0)
                if len(head) < ROWS_AT:
                    raise ValueError(f"it is cut off at byte {len(head)}")
                if head[HEADER_BYTES:] != LAYOUT:
                    if head[HEADER_BYTES:].startswith(LAYOUT_OF_ANY_VERSION):
                        return inode, 0  # its slot's next owner sets it aside
                    raise ValueError("it does not begin as a fine file")
                used = read_used(head)
                if not ROWS_AT <= used <= MAX_FILE_BYTES:
                    raise ValueError(f"the header claims {used} bytes in use")
                if len(self._buffer) < used:
                    self._buffer = bytearray(used)
                got = files.read_into(descriptor, memoryview(self._buffer)[:used], 0)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return inode, 0
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in EXHAUSTED:
                raise  # the file is sound: without its counts, the others would be too low
            self._damage.report(name, inode, str(error))
            return inode, 0
        if got < used:
            self._damage.report(name, inode, f"it is cut off at byte {got}")
        return inode, got


def _parse(raw: bytes) -> Endpoint | None:
    try:
        method, route = json.loads(raw.decode())
    except (ValueError, TypeError, RecursionError):
        return None
    return (method, route) if isinstance(method, str) and isinstance(route, str) else None


@per_process
def shared_fine_reader(directory: Path) -> FineReader:
    """This process's reader. A forked child gets its own: the parent's lock may be held."""
    return FineReader(directory, values.count_corrupt_file)
