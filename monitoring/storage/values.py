"""The value class behind prometheus-client's metrics: one aligned store into this process's slot.

prometheus-client makes its Counters, Gauges and Histograms from `values.ValueClass`; `install` puts
SlotValue there. Compared with the stock multiprocess value: no identity call per operation, no
second copy of the number (the mapped cell is the value), and a write that finds no space is
dropped and counted instead of ending the process.
"""

import errno
import logging
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import mmap_key

from monitoring.errors import MonitoringError, NoFreeSlotError
from monitoring.storage import directory as metrics_directory
from monitoring.storage import slots
from monitoring.storage.format import LIVE_MODES, file_path
from monitoring.storage.own_counters import (
    CORRUPT_NAME,
    INTERNAL_ERROR,
    NO_SLOT,
    NO_SPACE,
    REENTERED,
    UNUSABLE_DIRECTORY,
    OwnCounters,
)
from monitoring.storage.slot_file import Cells, SlotFile, open_slot_file
from monitoring.storage.slots import Slot, process_lock

_RETRY_SECONDS = 1.0
_LOG_EVERY_SECONDS = 60.0
_UNBOUND = Cells()

logger = logging.getLogger("monitoring.storage")


class SlotValue:
    """A float in a file of this process's slot; what prometheus-client calls a ValueClass."""

    _multiprocess = True
    __slots__ = ("_file", "_index", "_key", "_prefix")

    def __init__(
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        multiprocess_mode: str = "",
        **_: Any,
    ) -> None:
        self._prefix = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        self._key = mmap_key(metric_name, name, list(labelnames), list(labelvalues), help_text)
        self._file: Cells = _UNBOUND
        self._index = 0
        with process_lock:
            _process.welcome(self)
        _process.report()

    def inc(self, amount: float) -> None:
        with process_lock:
            cells = self._file.cells
            if cells is not None:
                cells[self._index] += amount
                return
            cells = _process.bind(self)
            if cells is not None:
                cells[self._index] += amount
        _process.report()

    def set(self, value: float, timestamp: float | None = None) -> None:
        with process_lock:
            cells = self._file.cells or _process.bind(self)
            if cells is not None:
                cells[self._index] = value
                cells[self._index + 1] = timestamp or 0.0
        _process.report()

    def get(self) -> float:
        """The slot's value (earlier owners' share included); 0 before the first write."""
        with process_lock:
            cells = self._file.cells
            return 0.0 if cells is None else cells[self._index]

    def set_exemplar(self, exemplar: object) -> None:
        """Exemplars have no place in the value files."""

    def get_exemplar(self) -> None:
        return None


class _Process:
    """This process's slot and open files. Every method runs under `process_lock`."""

    def __init__(self) -> None:
        self.role = "python"
        self.directory: Path | None = None
        self.slot: Slot | None = None
        self._files: dict[str, SlotFile] = {}
        self._waiting: list[SlotValue] = []  # made before there was a slot: shown as 0 once it is
        self._own = OwnCounters()
        self._busy = False
        self._news = ""
        self._attach_after = self._grow_after = self._report_after = float("-inf")

    def welcome(self, value: SlotValue) -> None:
        """Give a new value its place at once, so that it is exposed as 0 before its first write."""
        if self.slot is None:
            self._waiting.append(value)
        else:
            self.bind(value)

    def bind(self, value: SlotValue) -> "memoryview[float] | None":
        """Find the value's cell in this process's files; None if this write must be dropped."""
        if self._busy:  # a signal handler or finaliser interrupted us here: files are half-way
            self.count(REENTERED)
            return None
        self._busy = True
        try:
            if self.slot is None and not self._attach():
                return None
            cells = self._place(value)
            if cells is not None:
                self._own.settle(self._locate)
            return cells
        except Exception as error:  # the boundary: a write of ours never fails its caller
            self.count(INTERNAL_ERROR)
            self._news = f"cannot store a value: {error!r}"
            return None
        finally:
            self._busy = False

    def attach(self) -> Slot | None:
        if self.slot is None and not self._busy:
            self._busy = True
            try:
                self._attach()
            finally:
                self._busy = False
        return self.slot

    def count(self, what: str, count: int = 1) -> None:
        """Count a drop reason or CORRUPT_NAME."""
        self._own.add(what, count)

    def report(self) -> None:
        """Log the last trouble, once in a while. Called without the lock: handlers may block."""
        if self._news and time.monotonic() >= self._report_after:
            self._report_after = time.monotonic() + _LOG_EVERY_SECONDS
            news, self._news = self._news, ""
            logger.warning("%s", news)

    def leave_in_child(self) -> None:
        """After a fork: the child has no slot yet, and no claim on its parent's files."""
        for file in self._files.values():
            file.forget()
        self._files.clear()
        if self.slot is not None:
            self.slot.forget_in_child()
            self.slot = None
        self._own.forget()
        self._busy = False
        self._attach_after = self._grow_after = float("-inf")

    def _attach(self) -> bool:
        if time.monotonic() < self._attach_after:
            self.count(UNUSABLE_DIRECTORY)
            return False
        try:
            directory = self.directory or metrics_directory.configured_directory()
            metrics_directory.ensure(directory)
            slot = slots.take(directory, self.role)
            for mode in LIVE_MODES:  # the last owner's: gauges of a process that is no more
                file_path(directory, f"gauge_{mode}", slot.name).unlink(missing_ok=True)
        except (OSError, MonitoringError) as error:
            self._attach_after = time.monotonic() + _RETRY_SECONDS
            self.count(NO_SLOT if isinstance(error, NoFreeSlotError) else UNUSABLE_DIRECTORY)
            self._news = f"no metrics are recorded: cannot take a slot: {error}"
            return False
        self.directory, self.slot = directory, slot
        # Our own counters come first, so that they have room when nothing else has.
        self._own.settle(self._locate)
        waiting, self._waiting = self._waiting, []
        for value in waiting:
            self._place(value)
        return True

    def _place(self, value: SlotValue) -> "memoryview[float] | None":
        place = self._locate(value._prefix, value._key)
        if place is None:
            return None
        value._file, value._index = place
        return place[0].cells

    def _locate(self, prefix: str, key: str) -> tuple[SlotFile, int] | None:
        """The file and cell of a key, made if need be; None, and counted, if there is no space."""
        try:
            file = self._files.get(prefix)
            if file is None:
                file = self._files[prefix] = self._open(prefix)
            index = file.position(key)
            if index is None:
                self._may_grow()
                index = file.append(key)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self.count(NO_SPACE if full else UNUSABLE_DIRECTORY)
            if time.monotonic() >= self._grow_after:
                self._grow_after = time.monotonic() + _RETRY_SECONDS
                self._news = f"new series are dropped: {error}"
            return None
        return file, index

    def _open(self, prefix: str) -> SlotFile:
        assert self.directory is not None
        assert self.slot is not None
        self._may_grow()
        file = open_slot_file(file_path(self.directory, prefix, self.slot.name))
        if file.damage:
            self.count(CORRUPT_NAME)
            self._news = f"a damaged {prefix} file was set aside: {file.damage}"
        return file

    def _may_grow(self) -> None:
        """Ask a full file system once a second, not once per request."""
        if time.monotonic() < self._grow_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_process = _Process()


def install(role: str, directory: Path) -> None:
    """Make every metric built from now on live in this process's slot. Opens nothing."""
    if values.ValueClass is not SlotValue:
        values.ValueClass = SlotValue
        # The lock is held over the fork: the child never starts with a half-done write or file.
        os.register_at_fork(
            before=process_lock.acquire,
            after_in_parent=process_lock.release,
            after_in_child=_start_child,
        )
    _process.role = slots.validate_role(role)
    if _process.slot is None:
        _process.directory = directory
    # For prometheus-client's own code and for the processes that we start.
    os.environ[metrics_directory.ENVIRONMENT_VARIABLE] = str(directory)


def is_installed() -> bool:
    return values.ValueClass is SlotValue


def attach() -> Slot | None:
    """Take this process's slot now, rather than at the first write; None if that failed."""
    with process_lock:
        slot = _process.attach()
    _process.report()
    return slot


def add_all(writes: Iterable[tuple[SlotValue, float]]) -> None:
    """Add each amount to its value, all under one lock: what `inc` does, for less."""
    complete = True
    with process_lock:
        for value, amount in writes:
            cells = value._file.cells
            if cells is None:
                cells = _process.bind(value)
                if cells is None:
                    complete = False
                    continue
            cells[value._index] += amount
    if not complete:
        _process.report()


def drop(reason: str) -> None:
    """Count something that could not be recorded; `reason` is one of DROP_REASONS."""
    with process_lock:
        _process.count(reason)


def count_corrupt_file() -> None:
    """Count a damaged file that this process found."""
    with process_lock:
        _process.count(CORRUPT_NAME)


def _start_child() -> None:
    try:
        _process.leave_in_child()
    finally:
        process_lock.release()
