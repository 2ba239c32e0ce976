"""Holds this process's slot: what it measures finds its place there, or is counted as dropped."""

import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from monitoring.errors import MonitoringError, NoFreeSlotError
from monitoring.primitives.interruptions import is_interruption
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger
from monitoring.storage import directory as metrics_directory
from monitoring.storage import slots
from monitoring.storage.exemplars import ExemplarFile, exemplar_file_name, open_exemplar_file
from monitoring.storage.open_files import RETRY_SECONDS, OpenFiles, reason_of
from monitoring.storage.own_counters import (
    DROP_INTERNAL_ERROR,
    DROP_NO_SLOT,
    DROP_NO_SPACE,
    DROP_REENTERED,
    DROP_UNUSABLE_DIRECTORY,
    OwnCounters,
)
from monitoring.storage.server_role import role_after_fork
from monitoring.storage.server_start import join
from monitoring.storage.slot_file import Cells
from monitoring.storage.slots import Slot

logger = OwnLogger("monitoring.storage")


class Placed(Protocol):
    """A value as this module sees it: the kind of file it belongs in, its key, and its cell."""

    prefix: str
    key: str
    file: Cells
    index: int
    offset: int  # of its cell from the key's first one


class ProcessFiles:
    """This process's slot and open files. Every method runs under `process_lock`."""

    def __init__(self) -> None:
        self.role = "python"
        self.finds_start = False
        self.directory: Path | None = None
        self.slot: Slot | None = None
        self._files = OpenFiles(self.count, self._tell)
        self._exemplars: ExemplarFile | None = None
        # Values made before there was a slot; they get cells with it.
        self._waiting: deque[Placed] = deque()
        self._own = OwnCounters()
        self._joined: metrics_directory.MasterLock | None = None
        self._may_begin = True  # false once this process, or the one that it comes from, has joined
        self._busy = False
        self._news = ""
        self._log_limit = LogLimit()
        self._attach_after = self._exemplars_after = float("-inf")
        self._exemplars_lost = DROP_NO_SPACE  # the drop reason until the next attempt

    def become(self, role: str, directory: Path, *, finds_start: bool) -> None:
        """Set the role and the directory. A slot of another role or directory is given back.

        What was counted there stays in its files, as a dead process's counts do.
        """
        if self.slot is not None and (role, directory) != (self.slot.role, self.directory):
            self.give_back()
        self.role, self.directory, self.finds_start = role, directory, finds_start

    def welcome(self, value: Placed) -> None:
        """Give a new value its cell at once, so that it is exposed as 0 before its first write."""
        if self.slot is None:
            self._waiting.append(value)
        else:
            self.bind(value)

    def declare(self, family: str, bound: str) -> None:
        """Note a new histogram's bucket; with the last one, the file must have the same bounds."""
        if self._files.declare(family, bound) and not self._busy:
            self._busy = True
            try:
                self._files.check_bounds()
            except Exception as error:  # as in bind
                if is_interruption(error):
                    raise
                self.count(DROP_INTERNAL_ERROR)
                self._tell(f"cannot compare the bounds of histograms: {error!r}")
            finally:
                self._busy = False

    def bind(self, value: Placed) -> "memoryview[float] | None":
        """Find the value's cell in this process's files; None if this write must be dropped."""
        if self._busy:  # a signal handler or finaliser interrupted us: nothing may be opened
            place = self._files.known(value.prefix, value.key)
            if place is None:
                self.count(DROP_REENTERED)
                return None
            value.file, value.index = place[0], place[1] + value.offset
            return place[0].cells
        self._busy = True
        try:
            if self.slot is None and not self._attach():
                return None
            if self._waiting:  # its attaching was interrupted
                self._place_waiting()
            cells = self._place(value)
            if cells is not None:
                self._own.settle(self._files.locate)
            return cells
        except Exception as error:  # the boundary: a failed write never reaches its caller
            if is_interruption(error):
                raise
            self.count(DROP_INTERNAL_ERROR)
            self._tell(f"cannot store a value: {error!r}")
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
            self._tell(f"cannot store an exemplar: {error!r}")
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

    def _tell(self, news: str) -> None:
        self._news = news

    def count(self, what: str, count: int = 1) -> None:
        """Count a drop reason or CORRUPT_NAME."""
        self._own.add(what, count)

    def report(self) -> None:
        """Log the last problem, at most once a minute. Call it without the lock: logs may block."""
        if self._news and self._log_limit.passes():
            news, self._news = self._news, ""
            logger.warning("%s", news)

    def tend(self) -> None:
        """If our files were deleted or moved while in use, go on in new ones with all counts."""
        if self._busy or self.slot is None:
            return
        self._busy = True
        try:
            if self._exemplars is not None and (
                self.slot.is_deleted or self._exemplars.is_lost
            ):  # exemplars may be lost: the next request begins a new file
                self._forget_exemplars()
            if self.slot.is_deleted:
                self._retake_slot()
            self._files.look_after()
            self._own.settle(self._files.known)  # counts whose file was replaced
        except Exception as error:  # as in bind
            if is_interruption(error):
                raise
            self.count(DROP_INTERNAL_ERROR)
            self._tell(f"cannot look after the metric files: {error!r}")
        finally:
            self._busy = False

    def leave_in_child(self) -> None:
        """After a fork, in the child: forget the parent's slot and files."""
        self._leave()
        self._joined = None  # the lock closed the child's copy itself
        self._own.forget()
        self._busy = False
        if self.finds_start:
            self.role = role_after_fork(self.role)

    def give_back(self) -> None:
        """Give the slot back; what was counted stays in its files."""
        self._leave()
        if self._joined is not None:
            self._joined.leave()
            self._joined = None

    def _leave(self) -> None:
        """Forget the slot and its files. Values find their places in the next slot's."""
        self._files.forget()
        self._forget_exemplars()
        if self.slot is not None:
            self.slot.forget()
            self.slot = None
        self._own.forget_places()
        self._attach_after = self._exemplars_after = float("-inf")

    def _attach(self) -> bool:
        """Take a slot for a write that needs it; if that fails, count the drop."""
        if time.monotonic() < self._attach_after:
            self.count(DROP_UNUSABLE_DIRECTORY)
            return False
        try:
            self._take_slot()
        except (OSError, MonitoringError) as error:
            if is_interruption(error):
                raise
            self._attach_after = time.monotonic() + RETRY_SECONDS
            self.count(_reason_of(error))
            self._tell(f"no metrics are recorded: cannot take a slot: {error}")
            return False
        # Our own counters come first, so that they have space when other values have none.
        self._own.settle(self._files.locate)
        self._place_waiting()
        return True

    def _take_slot(self) -> None:
        """Take a slot of our role, in place of the one that was lost, if any.

        Raises OSError or MonitoringError; then what this process holds stays.
        """
        directory = self.directory or metrics_directory.configured_directory()
        metrics_directory.ensure(directory)
        if self.finds_start:
            self._join(directory)
        lost = self.slot
        slot = slots.take(directory, self.role, None if lost is None else lost.number)
        try:
            self._files.enter(
                directory,
                slot.name,
                partial(setattr, self, "directory", directory),
                partial(setattr, self, "slot", slot),
            )
        finally:
            for unused in (slot, lost):  # else its lock is held as long as the process lives
                if unused is not None and unused is not self.slot:
                    unused.forget()

    def _retake_slot(self) -> None:
        try:
            self._take_slot()
        except (OSError, MonitoringError) as error:
            if is_interruption(error):
                raise
            self.count(_reason_of(error))
            self._tell(
                "the metrics directory was moved or deleted while in use, and cannot be made anew; "
                f"counts wait in memory: {error}"
            )

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
            self._tell(problem)

    def _place(self, value: Placed) -> "memoryview[float] | None":
        place = self._files.locate(value.prefix, value.key)
        if place is None:
            return None
        value.file, value.index = place[0], place[1] + value.offset
        return place[0].cells

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
            self._exemplars_after = time.monotonic() + RETRY_SECONDS
            self._exemplars_lost = reason_of(error)
            self.count(self._exemplars_lost)
            self._tell(f"exemplars are dropped: {error}")
        return self._exemplars

    def _forget_exemplars(self) -> None:
        file, self._exemplars = self._exemplars, None
        if file is not None:
            file.forget()


def _reason_of(error: Exception) -> str:
    return DROP_NO_SLOT if isinstance(error, NoFreeSlotError) else DROP_UNUSABLE_DIRECTORY
