"""Reads the metric files of a directory: each stays mapped, and only new entries are parsed.

Entries are append-only and never move, so a known (file, position) stays valid for the file's
life; a file is identified by its inode, which cannot be reused while it is mapped.

To read a map beyond the file's end is a SIGBUS, and any user of the directory may cut a file short.
So the size is looked at just before each use of a map, and all that is wanted is copied at once, in
some microseconds. Reading the whole files instead made a scrape of 32 workers three times as long.
"""

import errno
import json
import mmap
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitoring.primitives.own_logger import OwnLogger
from monitoring.primitives.platform import files
from monitoring.primitives.small_files import READ
from monitoring.storage.directory import owner as directory_owner
from monitoring.storage.format import (
    HEADER_BYTES,
    MAX_FILE_BYTES,
    FileName,
    metric_files,
    read_mark,
    read_used,
    scan_entries,
)
from monitoring.storage.slots import is_held, lock_path

_MOST_REMEMBERED = 10_000  # damaged files, so that each is reported once
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

logger = OwnLogger("monitoring.storage")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A parsed entry key: what prometheus-client wrote about a series."""

    family: str
    sample: str
    labels: Labels
    help: str


def parse_key(raw: bytes) -> Key | None:
    """The key, or None if these bytes are not one."""
    try:
        # Decoded here, because json.loads would first guess the encoding of bytes.
        family, sample, labels, help_text = json.loads(raw.decode())
        pairs = tuple(sorted(labels.items()))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    texts = (family, sample, help_text, *(value for pair in pairs for value in pair))
    if not all(isinstance(text, str) for text in texts) or not family or not sample:
        return None
    return Key(family, sample, pairs, help_text)


class TruncatedError(Exception):
    """The file shrank or was replaced: its mapping must not be read any more."""


class MetricFile:
    """One mapped file. `positions[i]` is the offset of entry i's value, in units of 8 bytes.

    `new_keys` are the raw keys of the latest entries; the caller clears the list when it has used
    them. `generation` changes when the file is rewritten; entries are then numbered from 0 again.
    `values` and `timestamps` (of `mostrecent` gauges) are those of the last refresh.
    """

    def __init__(self, path: Path, name: FileName, owner: int) -> None:
        """Raises OSError if the file cannot be opened or mapped, or is not of `owner` or root."""
        self.path = path
        self.name = name
        self._owners = (owner, 0)
        self.inode = 0
        self.new_keys: list[bytes] = []
        self.positions: NDArray[np.intp] = np.empty(0, np.intp)
        self.values: NDArray[np.float64] = np.empty(0)
        self.timestamps: NDArray[np.float64] = np.empty(0)
        self.generation = 0
        self.damage: str | None = None
        self._map: mmap.mmap | bytes | None = None
        self._mapped = 0
        self._cells: NDArray[np.float64] = np.empty(0)
        self._end = HEADER_BYTES
        self._header = b""
        self._open()

    @property
    def is_empty(self) -> bool:
        """Whether a stock writer has created the file but not yet written its header."""
        return self._map is None

    def refresh(self) -> None:
        """Take the values as they are now, and learn the entries added since the last call.

        Raises TruncatedError when the file has shrunk, OSError when it cannot be mapped.
        """
        if isinstance(self._map, bytes):
            self._copy_again()
        elif self._map is None:
            self._open()
            if self._map is None:
                return
        size = self._whole_size()
        header = self._map[:HEADER_BYTES]
        if header != self._header:
            self._learn(header, size)
            self._whole_size()
        self.values = self._cells[self.positions]
        if self.name.mode.endswith("mostrecent"):
            self.timestamps = self._cells[self.positions + 1]

    def _learn(self, header: bytes, size: int) -> None:
        used = read_used(header)
        if used > self._mapped and size > self._mapped:
            self._remap(min(size, MAX_FILE_BYTES))
        # Rewritten from its start, or another file was copied over it.
        if used < self._end or (self._header and read_mark(header) != read_mark(self._header)):
            self.new_keys, self._end = [], HEADER_BYTES
            self.positions = np.empty(0, np.intp)
            self.generation += 1
        self._header = header
        self._parse(used)

    def _whole_size(self) -> int:
        """The file's size, by fstat; TruncatedError if it ends before the map."""
        assert self._map is not None
        size = self._mapped if isinstance(self._map, bytes) else self._map.size()
        if size < self._mapped:
            raise TruncatedError(self.path.name)
        return size

    def _open(self) -> None:
        descriptor = os.open(self.path, READ)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            if status.st_uid not in self._owners:
                raise OSError(errno.EPERM, "it belongs to another user")
            self.inode = status.st_ino
            if status.st_size >= HEADER_BYTES:
                size = min(status.st_size, MAX_FILE_BYTES)
                self._map = files.view(descriptor, size)
                self._use_map(size)
        finally:
            os.close(descriptor)

    def _copy_again(self) -> None:
        """Where files are not mapped (`files.view`), what a map would show by itself."""
        copied, self._mapped = self._mapped, 0
        self._open()
        if self._mapped < copied:
            raise TruncatedError(self.path.name)

    def _remap(self, size: int) -> None:
        # The mmap object keeps a descriptor of its own; a fresh open could be another file.
        descriptor = os.open(self.path, READ)
        try:
            if os.fstat(descriptor).st_ino != self.inode:
                raise TruncatedError(self.path.name)  # replaced: the next scrape opens the new one
            self._map = files.view(descriptor, size)
        finally:
            os.close(descriptor)
        self._use_map(size)

    def _use_map(self, size: int) -> None:
        assert self._map is not None
        self._mapped = size
        self._cells = np.frombuffer(self._map, np.float64, count=size // 8)

    def _parse(self, used: int) -> None:
        assert self._map is not None
        damage = None
        if not HEADER_BYTES <= used <= self._mapped and used != 0:
            damage = f"the header claims {used} bytes in use of {self._mapped}"
            used = self._mapped  # use the entries up to the first damaged one
        self._whole_size()
        added = self._map[self._end : used]
        scan = scan_entries(added, 0, len(added), skipped=self._end)
        self._end = scan.end
        self.damage = scan.damage or damage
        if scan.entries:
            self.new_keys.extend(raw_key for raw_key, _ in scan.entries)
            offsets = (value_at // 8 for _, value_at in scan.entries)
            new = np.fromiter(offsets, np.intp, len(scan.entries))
            self.positions = np.concatenate((self.positions, new))


class DamageReports:
    """Counts each damaged file once, by `on_damage`, and logs it."""

    def __init__(self, kind: str, on_damage: Callable[[], None]) -> None:
        """`kind` is that of the files, for the log."""
        self._kind = kind
        self._on_damage = on_damage
        self._known: set[tuple[str, int]] = set()

    def report(self, name: str, inode: int, what: str) -> None:
        if (name, inode) in self._known:
            return
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known.add((name, inode))
        self._on_damage()
        logger.warning("%s file %s is damaged: %s; the rest is served", self._kind, name, what)


class DirectoryReader:
    """The metric files of a directory, as they are at each `refresh`."""

    def __init__(self, directory: Path, on_damage: Callable[[], None]) -> None:
        """`on_damage` is called once for each damaged file found."""
        self._directory = directory
        self._owner = files.user()
        self._damage = DamageReports("metric", on_damage)
        self._files: dict[str, MetricFile] = {}
        self.damaged = 0
        self.empty = 0

    def refresh(self) -> list[MetricFile]:
        """The readable files, sorted by name, each with all its entries parsed.

        Files that vanished, are empty or cannot be read are left out. So are live gauges of a slot
        whose owner is dead: they describe a process that has ended. Raises MetricsDirectoryError
        if the directory is another user's, and OSError if it cannot be read or this process can
        open no more files.
        """
        found = self._list()
        for name in self._files.keys() - found.keys():
            del self._files[name]
        self.damaged = self.empty = 0
        held: dict[str, bool] = {}
        readable: list[MetricFile] = []
        for name, (parts, inode) in sorted(found.items()):
            if parts.is_live:
                if parts.owner not in held:
                    held[parts.owner] = is_held(lock_path(self._directory, parts.owner))
                if not held[parts.owner]:
                    self._files.pop(name, None)
                    continue
            file = self._read(name, parts, inode)
            if file is not None:
                readable.append(file)
        return readable

    def forget(self) -> None:
        """Forget every file; the next refresh reads them all again."""
        self._files.clear()

    def _list(self) -> dict[str, tuple[FileName, int]]:
        try:
            self._owner = directory_owner(self._directory)
            with os.scandir(self._directory) as entries:
                inodes = {entry.name: entry.inode() for entry in entries}
        except FileNotFoundError:
            return {}
        return {name: (parts, inodes[name]) for name, parts in metric_files(iter(inodes))}

    def _read(self, name: str, parts: FileName, inode: int) -> MetricFile | None:
        file = self._files.get(name)
        try:
            if file is None or file.inode != inode:
                file = self._files[name] = MetricFile(self._directory / name, parts, self._owner)
            file.refresh()
        except FileNotFoundError:
            self._files.pop(name, None)
            return None
        except (OSError, ValueError, TruncatedError) as error:
            if isinstance(error, OSError) and error.errno in EXHAUSTED:
                raise  # the file is sound: without its counts, the others would be too low
            self._files.pop(name, None)
            self.damaged += 1
            self._damage.report(name, inode, f"{type(error).__name__}: {error}")
            return None
        if file.is_empty:
            self.empty += 1
            return None
        if file.damage is not None:
            self.damaged += 1
            self._damage.report(name, inode, file.damage)
        return file

    def report_bad_key(self, file: MetricFile) -> None:
        self._damage.report(file.path.name, file.inode, "an entry's key is not a series")
