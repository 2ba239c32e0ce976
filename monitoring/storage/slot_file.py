"""One metric file of a slot, open for writing by the slot's owner alone.

Space is always reserved before it is mapped: a full file system is an OSError
here, at a known place, and never a SIGBUS in the middle of a request.
"""

import errno
import mmap
import os
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from operator import add
from pathlib import Path

from monitoring.primitives.interruptions import in_one_step
from monitoring.primitives.platform import files
from monitoring.primitives.small_files import DRAFT, WRITE, give_to_owner, is_at, read_bounded
from monitoring.storage.format import (
    HEADER_BYTES,
    MARK_BYTES,
    MAX_FILE_BYTES,
    PAGE_BYTES,
    PAIR_BYTES,
    Scan,
    encode_entry,
    pack_used,
    read_mark,
    read_used,
    scan_entries,
)

Share = Callable[[str], float | None]

_INITIAL_BYTES = 4 * PAGE_BYTES
_MAX_STEP_BYTES = 1024 * 1024


class Cells:
    """Where a value lives; `cells` is None while no file of this process holds it."""

    __slots__ = ("cells",)

    def __init__(self) -> None:
        self.cells: memoryview[float] | None = None


class SlotFile(Cells):
    """The mapped file. `cells[index]` is a value, `cells[index + 1]` its timestamp."""

    __slots__ = ("_descriptor", "_map", "_positions", "_size", "_used", "damage", "mark")

    _CELLS = PAIR_BYTES // 8  # at the end of each entry
    _SUMMED = 1  # of them; the others are as they were last

    def __init__(self, descriptor: int, damage: str | None = None) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._size = 0
        self._used = HEADER_BYTES
        self._positions: dict[str, int] = {}
        self.damage = damage
        self.mark = bytes(MARK_BYTES)

    def position(self, key: str) -> int | None:
        return self._positions.get(key)

    def append(self, key: str, value: float = 0.0, timestamp: float = 0.0) -> int:
        """Add an entry and return its index. Raises OSError when there is no space for it."""
        entry = self._encode(key)
        end = self._used + len(entry)
        if end > self._size:
            self._reserve(end)
        index = end // 8 - self._CELLS
        self._map[self._used : end] = entry
        assert self.cells is not None
        self.cells[index], self.cells[index + 1] = value, timestamp
        # Published last: a crash before this line leaves an invisible entry, never half of one.
        self._map[0:4] = pack_used(end)
        self._used = end
        self._positions[key] = index
        return index

    @property
    def is_whole(self) -> bool:
        """Whether the file is as this process left it: not cut short, nor written over.

        One that is not has pages whose use is a SIGBUS, or entries of which we know nothing.
        """
        header = pack_used(self._used) + self.mark
        return (
            os.fstat(self._descriptor).st_size >= self._size
            and files.read_at(self._descriptor, HEADER_BYTES, 0) == header
        )

    def is_at(self, path: Path) -> bool:
        """Whether this file is the one at the path."""
        return is_at(path, self._descriptor)

    def keys(self) -> Collection[str]:
        return self._positions.keys()

    def add_from(self, other: "SlotFile", share: Share | None = None) -> None:
        """Add the values of another file of the same kind. Raises OSError without space.

        `share` says by what a key's value is multiplied; None leaves the key out.
        """
        assert other.cells is not None
        for key, index in other._positions.items():
            part = 1.0 if share is None else share(key)
            if part is None:
                continue
            here = self._positions.get(key)
            if here is None:
                here = self.append(key)
            assert self.cells is not None
            for place in range(self._SUMMED if part else 0):  # not 0 times an infinite value
                self.cells[here + place] += part * other.cells[index + place]
            for place in range(self._SUMMED, self._CELLS):
                self.cells[here + place] = other.cells[index + place]

    def forget(self) -> None:
        """Close the file; its values must be bound to another one (after a fork)."""
        self.cells = None
        if self._size:
            del self._map
            self._size = 0
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _encode(self, key: str) -> bytes:
        """A complete entry with values of 0."""
        return encode_entry(key)

    def _scan(self, start: int, used: int) -> Scan:
        return scan_entries(self._map, start, used)

    def _begin(self) -> None:
        """Make an empty file. Raises OSError when there is no space."""
        self._reserve(HEADER_BYTES)
        self._map[0:4] = pack_used(HEADER_BYTES)
        self._set_mark(os.urandom(MARK_BYTES))

    def _set_mark(self, mark: bytes) -> None:
        self._map[HEADER_BYTES - MARK_BYTES : HEADER_BYTES] = self.mark = mark

    def _reserve(self, needed: int) -> None:
        if needed > MAX_FILE_BYTES:
            raise OSError(errno.ENOSPC, f"a metric file may not exceed {MAX_FILE_BYTES} bytes")
        smallest = _round_up(needed)
        generous = max(smallest, self._size + min(self._size, _MAX_STEP_BYTES), _INITIAL_BYTES)
        try:
            files.reserve(self._descriptor, generous)
        except OSError as error:
            if error.errno != errno.ENOSPC or generous == smallest:
                raise
            files.reserve(self._descriptor, smallest)
            generous = smallest
        self._remap(generous)

    def _remap(self, size: int) -> None:
        self._map = mmap.mmap(self._descriptor, size)
        self.cells = memoryview(self._map).cast("d")
        self._size = size

    def _adopt(self, size: int) -> Scan:
        """Map an existing file and learn its entries. Raises OSError if there is no space."""
        # Files of other writers may have holes: fill them before they are mapped.
        files.reserve(self._descriptor, _round_up(size))
        self._remap(_round_up(size))
        used = read_used(self._map)
        if used == 0:  # its writer died before the header was written
            self._map[0:4] = pack_used(HEADER_BYTES)
            used = HEADER_BYTES
        self.mark = read_mark(self._map)
        if not any(self.mark):
            self._set_mark(os.urandom(MARK_BYTES))
        if used < HEADER_BYTES or used > size:
            scan = self._scan(HEADER_BYTES, size)
            scan.damage = f"the header claims {used} bytes in use of {size}"
        else:
            scan = self._scan(HEADER_BYTES, used)
        for raw_key, value_at in scan.entries:
            key = _decode(raw_key)
            if key is None:
                scan.damage = scan.damage or f"the key before byte {value_at} is not UTF-8 JSON"
            else:
                self._positions[key] = value_at // 8
        self._used = scan.end
        return scan


def open_slot_file(path: Path, kind: type[SlotFile] = SlotFile) -> SlotFile:
    """Open or create the file, continuing its values.

    A damaged file is set aside as `<name>.damaged` (only the last is kept) and its intact entries
    are carried over, so that one bad page does not reset every counter. `damage` says why.
    Raises OSError when the file cannot be opened or there is no space.
    """
    try:
        descriptor = os.open(path, WRITE)
    except FileNotFoundError:
        return _create(path, kind)
    file = kind(descriptor)
    damage: str | None
    try:
        size = os.fstat(descriptor).st_size
        # Files are completed under another name first: one without a header was truncated.
        if size < HEADER_BYTES or size > MAX_FILE_BYTES:
            damage = f"its size is {size} bytes"
        else:
            damage = file._adopt(size).damage
            if damage is None:
                return file
        fresh = _create(path, kind, replaces=file, damage=damage)
    except BaseException:
        file.forget()
        raise
    file.forget()
    return fresh


def mark_at(path: Path) -> bytes | None:
    """The mark of the file at the path; None without a file. Raises OSError."""
    try:
        return read_mark(read_bounded(path, HEADER_BYTES))
    except FileNotFoundError:
        return None


def set_aside(path: Path, file: SlotFile, why: str, share: Share) -> SlotFile:
    """Set the open file aside as a damaged one; returns a new one, with a share of its values.

    The old one is closed. Raises OSError when there is no space; then it stays.
    """
    fresh = _create(path, type(file), file, why, share)
    file.forget()
    return fresh


def move(
    old: SlotFile,
    path: Path,
    keep: Callable[[SlotFile], object],
    earlier: SlotFile | None = None,
    *,
    sums: bool = True,
) -> None:
    """Go on with the file's values in a new one at `path`; the old one is closed.

    `keep` is given the new file; it must be a function written in C. The values of `earlier`, the
    file of the slot's last owner, are added, or without `sums` (for gauges) give way to ours.
    Raises OSError when there is no space; then, and if it is interrupted, the old file goes on.
    """
    temporary = path.with_suffix(".tmp")
    new = type(old)(os.open(temporary, DRAFT, 0o600))
    try:
        give_to_owner(new._descriptor, path.parent)
        new._begin()
        steps = _continuing(new, old)
        if earlier is not None:
            steps += _adding(new, earlier, sums=sums)
        # A signal handler may write to the old file until this step, and to the new one after it.
        in_one_step(
            *steps,
            partial(os.replace, str(temporary), str(path)),  # a Path would run Python code
            partial(keep, new),
            partial(setattr, old, "cells", None),
        )
    except BaseException:
        if old.cells is not None:
            os.close(new._descriptor)
            temporary.unlink(missing_ok=True)
        raise
    old.forget()


def _continuing(new: SlotFile, old: SlotFile) -> list[Callable[[], object]]:
    """Make space for the old file's entries. What is returned copies them, in one step."""
    new._reserve(old._used)
    new._set_mark(old.mark)
    entries = memoryview(new._map)[HEADER_BYTES : old._used]
    # Read, not copied from the map: if the file is cut short meanwhile, that would be a SIGBUS.
    copy = files.reading_into(old._descriptor, entries, HEADER_BYTES)
    if ([step() for step in copy][-1] or 0) < len(entries):
        raise OSError(errno.EIO, "it was cut short meanwhile")
    new._positions = dict(old._positions)
    new._used = old._used
    new._map[0:4] = pack_used(new._used)
    return [*copy]


def _adding(new: SlotFile, earlier: SlotFile, *, sums: bool) -> list[Callable[[], object]]:
    """Take the entries that `new` lacks. What is returned adds the others, in one step."""
    common: dict[int, float] = {}
    for key, index in earlier._positions.items():
        assert earlier.cells is not None
        entry = earlier.cells[index : index + new._CELLS]
        here = new._positions.get(key)
        if here is None:
            here = new.append(key)
            assert new.cells is not None
            new.cells[here : here + new._CELLS] = entry
        elif sums:
            places = range(here, here + new._SUMMED)
            common.update((p, value) for p, value in zip(places, entry, strict=False) if value)
    cells = new.cells
    assert cells is not None
    added = map(add, map(cells.__getitem__, common), common.values())
    return [partial(deque, map(cells.__setitem__, common, added), 0)]


def _create(
    path: Path,
    kind: type[SlotFile],
    replaces: SlotFile | None = None,
    damage: str | None = None,
    share: Share | None = None,
) -> SlotFile:
    """Make the file complete under another name first: no reader ever sees an empty one.

    Not by `replace_whole`: the descriptor stays open, and the slot's lock keeps others away. Where
    open files cannot be moved, it is opened once more, and what it replaces is closed.
    """
    temporary = path.with_suffix(".tmp")
    file = kind(os.open(temporary, DRAFT, 0o600), damage)
    try:
        give_to_owner(file._descriptor, path.parent)
        file._begin()
        if replaces is not None and replaces.cells is not None:
            file.add_from(replaces, share)
        if damage is not None:
            kept = path.with_name(path.name + ".damaged")
            kept.unlink(missing_ok=True)
            os.link(path, kept)
        if files.OPEN_FILES_MOVE:
            temporary.replace(path)
            return file
        file.forget()
        if replaces is not None:
            replaces.forget()
        files.replace(temporary, path)
    except BaseException:
        file.forget()
        temporary.unlink(missing_ok=True)
        raise
    again = kind(os.open(path, WRITE), damage)
    try:
        again._adopt(os.fstat(again._descriptor).st_size)
    except BaseException:
        again.forget()
        raise
    return again


def _decode(raw_key: bytes) -> str | None:
    """The key, or None if it cannot be one; the reader parses it in full."""
    try:
        key = raw_key.decode()
    except UnicodeDecodeError:
        return None
    return key if key.startswith('["') and key.endswith('"]') else None


def _round_up(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES
