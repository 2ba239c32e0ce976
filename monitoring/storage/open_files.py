"""The metric files that this process has open: finds each value's cell, and follows its slot.

Files that are deleted, renamed or replaced in use are found when they are looked after. The values
stay in memory, in the old file, until the whole of a new one is at its place: a full disk costs
nothing of what was counted.
"""

import errno
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from monitoring.primitives.interruptions import in_one_step, is_interruption
from monitoring.storage.fine_file import FineFile
from monitoring.storage.format import FINE, LIVE_MODES, file_path
from monitoring.storage.histogram_bounds import (
    Bounds,
    DeclaredBounds,
    bounds_in,
    share_to_keep,
)
from monitoring.storage.own_counters import (
    CORRUPT_NAME,
    DROP_NO_SPACE,
    DROP_UNUSABLE_DIRECTORY,
)
from monitoring.storage.slot_file import SlotFile, mark_at, move, open_slot_file, set_aside

RETRY_SECONDS = 1.0
_HISTOGRAM = "histogram"
_GAUGE = "gauge"
_WHAT = "moved, replaced or deleted while in use"

Count = Callable[[str], None]  # of a drop reason or CORRUPT_NAME
Tell = Callable[[str], None]  # of what is to be logged


class OpenFiles:
    """The open files, by the prefix of their names. The caller holds `process_lock`."""

    def __init__(self, count: Count, tell: Tell) -> None:
        self._count = count
        self._tell = tell
        self._place: tuple[Path, str] | None = None  # directory and slot
        self._files: dict[str, SlotFile] = {}
        # Files of a slot that was lost, until their values are in the new slot's.
        self._strays: dict[str, SlotFile] = {}
        self._bounds = DeclaredBounds()
        self._file_bounds: dict[str, Bounds] = {}  # of the histogram file when it was opened
        self._grow_after = float("-inf")

    def declare(self, family: str, bound: str) -> bool:
        """Note a new histogram's bucket; True with its last one: then call `check_bounds`."""
        return self._bounds.learn(family, bound)

    def check_bounds(self) -> None:
        """Set the histogram file aside if it has other bounds than were declared."""
        file = self._files.get(_HISTOGRAM)
        if file is not None:
            self._files[_HISTOGRAM] = self._with_our_bounds(file)

    def enter(self, directory: Path, slot: str, *also: Callable[[], object]) -> None:
        """Use the files of the slot, which is this process's now; `also` in the same step.

        What is open goes on, if it is the slot's. Files that lie in the place of a slot that we
        have lost belong to its next owner, with our counts; the others follow us.
        """
        here: dict[str, SlotFile] = {}
        strays = {prefix: file for prefix, file in self._strays.items() if file.cells is not None}
        left = []
        for prefix, file in self._files.items():
            if file.is_at(file_path(directory, prefix, slot)):
                here[prefix] = file
            elif file.is_at(self._path(prefix)):
                left.append(file)
            else:
                strays[prefix] = file
        for mode in LIVE_MODES:  # live gauges of the slot's last owner, which is dead
            prefix = f"{_GAUGE}_{mode}"
            if prefix not in here:
                file_path(directory, prefix, slot).unlink(missing_ok=True)
        in_one_step(
            partial(setattr, self, "_place", (directory, slot)),
            partial(setattr, self, "_files", here),
            partial(setattr, self, "_strays", strays),
            *(partial(setattr, file, "cells", None) for file in left),
            *also,
        )
        for file in left:
            file.forget()

    def locate(self, prefix: str, key: str) -> tuple[SlotFile, int] | None:
        """The file and cell of a key, created if needed; without space, counts a drop: None."""
        try:
            file = self._files.get(prefix) or self._strays.get(prefix)
            if file is None or file.cells is None:
                file = self._files[prefix] = self._open(prefix)
            index = file.position(key)
            if index is None:
                self._may_grow()
                index = file.append(key)
        except OSError as error:
            if is_interruption(error):
                raise
            self._count(reason_of(error))
            if time.monotonic() >= self._grow_after:
                self._grow_after = time.monotonic() + RETRY_SECONDS
                self._tell(f"new series are dropped: {error}")
            return None
        return file, index

    def known(self, prefix: str, key: str) -> tuple[SlotFile, int] | None:
        """The file and cell of a key that has one. Changes nothing."""
        for files in (self._files, self._strays):
            file = files.get(prefix)
            if file is not None and file.cells is not None:
                index = file.position(key)
                return None if index is None else (file, index)
        return None

    def look_after(self) -> None:
        """Bring files that are gone from their place back to it, and leave those that were cut."""
        for files in (self._files, self._strays):
            for prefix, file in list(files.items()):
                if file.cells is None:  # it was moved
                    del files[prefix]
                elif not file.is_whole:
                    file.cells = None  # never read again; the next value opens what is there
                    del files[prefix]
                    file.forget()
                    self._count(CORRUPT_NAME)
                    self._tell(f"the {prefix} file was cut short or written over while in use")
                elif files is self._strays or not file.is_at(self._path(prefix)):
                    self._bring_back(prefix, file, follows=files is self._strays)

    def forget(self) -> None:
        """Close the files: in a forked child, or when the process gives its slot back."""
        for files in (self._files, self._strays):
            for file in files.values():
                if file.cells is not None:
                    file.forget()
            files.clear()
        self._place = None
        self._grow_after = float("-inf")

    def _bring_back(self, prefix: str, file: SlotFile, *, follows: bool) -> None:
        """Move the file's values to its place. `follows`: into another slot than it was in."""
        earlier = None
        try:
            # In our own slot nobody else counts: what is there is no file of ours, or a copy.
            if follows and mark_at(self._path(prefix)) not in (None, file.mark):
                earlier = self._open(prefix)
            keep = partial(self._files.__setitem__, prefix)
            move(file, self._path(prefix), keep, earlier, sums=not prefix.startswith(_GAUGE))
            self._tell(f"the {prefix} file was {_WHAT}; its counts go on in a new one")
        except OSError as error:
            if is_interruption(error):
                raise
            self._count(reason_of(error))
            self._tell(
                f"the {prefix} file was {_WHAT}, and a new one cannot be made; "
                f"its counts wait in memory: {error}"
            )
        finally:
            if earlier is not None:
                earlier.forget()
        if prefix == _HISTOGRAM and prefix in self._files:
            self._file_bounds = bounds_in(self._files[prefix].keys())

    def _path(self, prefix: str) -> Path:
        assert self._place is not None
        directory, slot = self._place
        return file_path(directory, prefix, slot)

    def _open(self, prefix: str) -> SlotFile:
        self._may_grow()
        file = open_slot_file(self._path(prefix), FineFile if prefix == FINE else SlotFile)
        try:
            if file.damage:
                self._count(CORRUPT_NAME)
                self._tell(f"a damaged {prefix} file was set aside: {file.damage}")
            if prefix == _HISTOGRAM:
                self._file_bounds = bounds_in(file.keys())
                return self._with_our_bounds(file)
        except BaseException:
            if file.cells is not None:
                file.forget()
            raise
        return file

    def _with_our_bounds(self, file: SlotFile) -> SlotFile:
        """The file; if it has other bounds than we declare, a new one, and it is set aside."""
        ours = self._bounds.contradicted_by(self._file_bounds)
        if not ours:
            return file
        why = f"it has other bounds than are declared now for {', '.join(sorted(ours))}"
        path = self._path(_HISTOGRAM)
        fresh = set_aside(path, file, why, share_to_keep(file.keys(), ours))
        for family in ours:
            del self._file_bounds[family]
        self._count(CORRUPT_NAME)
        self._tell(f"a histogram file was set aside: {why}")
        return fresh

    def _may_grow(self) -> None:
        """Raise OSError if the file system was full less than a second ago, without trying it."""
        if time.monotonic() < self._grow_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def reason_of(error: OSError) -> str:
    """The drop reason for what the operating system refused."""
    return DROP_NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else DROP_UNUSABLE_DIRECTORY
