"""Holds this process's slot and open files, and finds the cell of each value in them."""

import errno
import os
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from monitoring.errors import MonitoringError, NoFreeSlotError
from monitoring.primitives.interruptions import is_interruption
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger
from monitoring.storage import directory as metrics_directory
from monitoring.storage import slots
from monitoring.storage.exemplars import ExemplarFile, exemplar_file_name, open_exemplar_file
from monitoring.storage.format import LIVE_MODES, file_path
from monitoring.storage.histogram_bounds import (
    Bounds,
    DeclaredBounds,
    bounds_in,
    share_to_keep,
)
from monitoring.storage.own_counters import (
    CORRUPT_NAME,
    DROP_INTERNAL_ERROR,
    DROP_NO_SLOT,
    DROP_NO_SPACE,
    DROP_REENTERED,
    DROP_UNUSABLE_DIRECTORY,
    OwnCounters,
)
from monitoring.storage.server_start import join
from monitoring.storage.slot_file import Cells, SlotFile, open_slot_file, set_aside
from monitoring.storage.slots import Slot

_RETRY_SECONDS = 1.0
_HISTOGRAM = "histogram"

logger = OwnLogger("monitoring.storage")


class Placed(Protocol):
    """A value as this module sees it: the kind of file it belongs in, its key, and its cell."""

    prefix: str
    key: str
    file: Cells
    index: int


class ProcessFiles:
    """This process's slot and open files. Every method runs under `process_lock`."""

    def __init__(self) -> None:
        self.role = "python"
        self.finds_start = False
        self.directory: Path | None = None
        self.slot: Slot | None = None
        self._files: dict[str, SlotFile] = {}
        self._exemplars: ExemplarFile | None = None
        # Values made before there was a slot; they get cells with it.
        self._waiting: deque[Placed] = deque()
        self._bounds = DeclaredBounds()
        self._file_bounds: dict[str, Bounds] = {}  # of the histogram file when it was opened
        self._own = OwnCounters()
        self._joined: metrics_directory.MasterLock | None = None
        self._may_begin = True  # false once this process, or the one that it comes from, has joined
        self._busy = False
        self._news = ""
        self._log_limit = LogLimit()
        self._attach_after = self._grow_after = float("-inf")
        self._exemplars_after = float("-inf")
        self._exemplars_lost = DROP_NO_SPACE  # the drop reason until the next attempt

    def become(self, role: str, directory: Path, *, finds_start: bool) -> None:
        """Set the role and the directory. A slot of another role or directory is given back.

        What was counted there stays in its files, as a dead process's counts do.
        """
        if self.slot is not None and (role, directory) != (self.slot.role, self.directory):
            self._leave()
            if self._joined is not None:
                self._joined.leave()
                self._joined = None
        self.role, self.directory, self.finds_start = role, directory, finds_start

    def welcome(self, value: Placed) -> None:
        """Give a new value its cell at once, so that it is exposed as 0 before its first write."""
        if self.slot is None:
            self._waiting.append(value)
        else:
            self.bind(value)

    def declare(self, family: str, bound: str) -> None:
        """Note a new histogram's bucket; with the last one, the file must have the same bounds."""
        if self._bounds.learn(family, bound) and not self._busy:
            self._busy = True
            try:
                self._check_bounds()
            except Exception as error:  # as in bind
                if is_interruption(error):
                    raise
                self.count(DROP_INTERNAL_ERROR)
                self._news = f"cannot compare the bounds of histograms: {error!r}"
            finally:
                self._busy = False

    def bind(self, value: Placed) -> "memoryview[float] | None":
        """Find the value's cell in this process's files; None if this write must be dropped."""
        if self._busy:  # a signal handler or finaliser interrupted us: files are in between
            self.count(DROP_REENTERED)
            return None
        self._busy = True
        try:
            if self.slot is None and not self._attach():
                return None
            if self._waiting:  # its attaching was interrupted
                self._place_waiting()
            cells = self._place(value)
            if cells is not None:
                self._own.settle(self._locate)
            return cells
        except Exception as error:  # the boundary: a failed write never reaches its caller
            if is_interruption(error):
                raise
            self.count(DROP_INTERNAL_ERROR)
            self._news = f"cannot store a value: {error!r}"
            return None
        finally:
            self._busy = False

    def put_exemplars(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Write records (number, bytes) to the exemplar file, which the first call creates."""
        if self._busy:
            self.count(DROP_REENTERED)
            return
        self._busy = True
        try:
            file = self._exemplars or self._open_exemplars()
            if file is not None:
                for number, record in records:
                    file.put(number, record)
        except Exception as error:  # as in bind
            if is_interruption(error):
                raise
            self.count(DROP_INTERNAL_ERROR)
            self._news = f"cannot store an exemplar: {error!r}"
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
        """Log the last problem, at most once a minute. Call it without the lock: logs may block."""
        if self._news and self._log_limit.passes():
            news, self._news = self._news, ""
            logger.warning("%s", news)

    def tend(self) -> None:
        """If our files were deleted while in use, move to new ones and keep all counts."""
        if self._busy or self.slot is None:
            return
        self._busy = True
        try:
            if self._exemplars is not None and (
                self.slot.is_deleted or self._exemplars.is_deleted
            ):  # exemplars may be lost: the next request begins a new file
                self._forget_exemplars()
            if self.slot.is_deleted or any(file.is_deleted for file in self._files.values()):
                self._move()
        except Exception as error:  # as in bind
            if is_interruption(error):
                raise
            self.count(DROP_INTERNAL_ERROR)
            self._news = f"cannot look after the metric files: {error!r}"
        finally:
            self._busy = False

    def leave_in_child(self) -> None:
        """After a fork, in the child: forget the parent's slot and files."""
        self._leave()
        self._joined = None  # the lock closed the child's copy itself
        self._own.forget()
        self._busy = False

    def _leave(self) -> None:
        """Forget the slot and its files. Values find their places in the next slot's."""
        for file in self._files.values():
            file.forget()
        self._files.clear()
        self._forget_exemplars()
        if self.slot is not None:
            self.slot.forget()
            self.slot = None
        self._own.forget_places()
        self._attach_after = self._grow_after = self._exemplars_after = float("-inf")

    def _attach(self) -> bool:
        if time.monotonic() < self._attach_after:
            self.count(DROP_UNUSABLE_DIRECTORY)
            return False
        slot = None
        try:
            directory = self.directory or metrics_directory.configured_directory()
            metrics_directory.ensure(directory)
            if self.finds_start:
                self._join(directory)
            slot = slots.take(directory, self.role)
            for mode in LIVE_MODES:  # live gauges of the slot's last owner, which is dead
                file_path(directory, f"gauge_{mode}", slot.name).unlink(missing_ok=True)
        except BaseException as error:
            if slot is not None:  # else its lock is held as long as the process lives
                slot.forget()
            if is_interruption(error) or not isinstance(error, OSError | MonitoringError):
                raise
            self._attach_after = time.monotonic() + _RETRY_SECONDS
            self.count(
                DROP_NO_SLOT if isinstance(error, NoFreeSlotError) else DROP_UNUSABLE_DIRECTORY
            )
            self._news = f"no metrics are recorded: cannot take a slot: {error}"
            return False
        self.directory, self.slot = directory, slot
        # Our own counters come first, so that they have space when other values have none.
        self._own.settle(self._locate)
        self._place_waiting()
        return True

    def _place_waiting(self) -> None:
        while self._waiting:  # one by one: a signal handler may raise between any two
            self._place(self._waiting[0])
            self._waiting.popleft()

    def _join(self, directory: Path) -> None:
        """Hold the directory as a server does; wipe it if this is a fresh start of the site."""
        if self._joined is not None:
            if not self._joined.is_deleted:
                return
            self._joined.leave()
        try:
            self._joined, problem = join(directory, may_begin=self._may_begin)
        except OSError as error:
            if is_interruption(error):
                raise
            # The counts of an earlier run stay, and this process counts on.
            problem = f"a fresh start cannot be found: {error}"
        self._may_begin = False
        if problem:
            self._news = problem

    def _move(self) -> None:
        assert self.slot is not None
        slot, files = self.slot, self._files
        self._own.forget_places()
        if slot.is_deleted:
            self.slot, self._files = None, {}
            if not self._attach():  # keep the deleted files until the next attempt
                self.slot, self._files = slot, files
                return
            slot.forget()
        for prefix, file in list(files.items()):
            if file.is_deleted:
                self._replace(prefix, file)
            elif self._files is not files:
                file.forget()

    def _replace(self, prefix: str, deleted: SlotFile) -> None:
        if self._files.get(prefix) is deleted:
            del self._files[prefix]
        self._news = f"the {prefix} file was deleted while in use; its counts go on in a new one"
        try:
            new = self._files.get(prefix) or self._open(prefix)
            self._files[prefix] = new
            new.add_from(deleted)
        except OSError as error:
            self.count(DROP_NO_SPACE)
            self._news = f"the {prefix} file was deleted while in use; counts are lost: {error}"
        deleted.forget()

    def _place(self, value: Placed) -> "memoryview[float] | None":
        place = self._locate(value.prefix, value.key)
        if place is None:
            return None
        value.file, value.index = place
        return place[0].cells

    def _locate(self, prefix: str, key: str) -> tuple[SlotFile, int] | None:
        """The file and cell of a key, created if needed; without space, counts a drop: None."""
        try:
            file = self._files.get(prefix)
            if file is None:
                file = self._files[prefix] = self._open(prefix)
            index = file.position(key)
            if index is None:
                self._may_grow()
                index = file.append(key)
        except OSError as error:
            if is_interruption(error):
                raise
            self.count(_reason_of(error))
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
        try:
            if file.damage:
                self.count(CORRUPT_NAME)
                self._news = f"a damaged {prefix} file was set aside: {file.damage}"
            if prefix == _HISTOGRAM:
                self._file_bounds = bounds_in(file.keys())
                return self._with_our_bounds(file)
        except BaseException:
            if file.cells is not None:
                file.forget()
            raise
        return file

    def _check_bounds(self) -> None:
        file = self._files.get(_HISTOGRAM)
        if file is not None:
            self._files[_HISTOGRAM] = self._with_our_bounds(file)

    def _with_our_bounds(self, file: SlotFile) -> SlotFile:
        """The file; if it has other bounds than we declare, a new one, and it is set aside."""
        assert self.directory is not None
        assert self.slot is not None
        ours = self._bounds.contradicted_by(self._file_bounds)
        if not ours:
            return file
        why = f"it has other bounds than are declared now for {', '.join(sorted(ours))}"
        path = file_path(self.directory, _HISTOGRAM, self.slot.name)
        fresh = set_aside(path, file, why, share_to_keep(file.keys(), ours))
        for family in ours:
            del self._file_bounds[family]
        self.count(CORRUPT_NAME)
        self._news = f"a histogram file was set aside: {why}"
        return fresh

    def _open_exemplars(self) -> ExemplarFile | None:
        """Open the exemplar file; without a slot or space, count a drop and return None.

        It is retried once a second by its own timer, so that it does not delay new series, which
        need less space.
        """
        if self.slot is None and not self._attach():
            return None
        assert self.directory is not None
        assert self.slot is not None
        if time.monotonic() < self._exemplars_after:
            self.count(self._exemplars_lost)
            return None
        try:
            path = self.directory / exemplar_file_name(self.slot.name)
            self._exemplars = open_exemplar_file(path)
        except OSError as error:
            if is_interruption(error):
                raise
            self._exemplars_after = time.monotonic() + _RETRY_SECONDS
            self._exemplars_lost = _reason_of(error)
            self.count(self._exemplars_lost)
            self._news = f"exemplars are dropped: {error}"
        return self._exemplars

    def _forget_exemplars(self) -> None:
        file, self._exemplars = self._exemplars, None
        if file is not None:
            file.forget()

    def _may_grow(self) -> None:
        """Raise OSError if the file system was full less than a second ago, without trying it."""
        if time.monotonic() < self._grow_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _reason_of(error: OSError) -> str:
    return DROP_NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else DROP_UNUSABLE_DIRECTORY
