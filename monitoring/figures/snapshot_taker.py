"""Takes snapshots regularly, in a thread of one process of the host, which is elected by flock.

Every candidate tries the lock every few seconds; the kernel frees it when its holder dies. Workers
leave the job to the exporter if there is one, so that no worker spends memory or time on it.
"""

import os
from pathlib import Path

from monitoring.figures.ring_file import SNAPSHOT_SECONDS
from monitoring.primitives.lock_files import close_lock, lock_now, open_lock
from monitoring.primitives.one_thread import Periodic, threads_run
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform.forks import in_each_child
from monitoring.storage import values
from monitoring.storage.directory import configured_directory
from monitoring.storage.process_lock import process_lock
from monitoring.storage.self_report import report_failure
from monitoring.storage.slots import EXPORTER, MAX_SLOTS, WEB, is_held, lock_path, slot_name

LOCK_FILE = "snapshots.lock"


class Election:
    """Decides whether this process takes the snapshots of a directory."""

    def __init__(self, directory: Path, *, is_exporter: bool) -> None:
        self._directory = directory
        self._is_exporter = is_exporter
        self._descriptor = -1
        in_each_child(self.leave)

    def is_won(self) -> bool:
        """Try to take or keep the lock; returns whether this process holds it. Raises OSError."""
        if not self._is_exporter and self._has_exporter():
            self.leave()
            return False
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0:
            self.leave()  # the file was deleted: others lock a new one
        return self._descriptor >= 0 or self._take()

    def leave(self) -> None:
        """Close the lock. A forked child closes only its copy, so its parent keeps the lock."""
        if self._descriptor >= 0:
            close_lock(self._descriptor)
            self._descriptor = -1

    def _has_exporter(self) -> bool:
        for number in range(MAX_SLOTS):  # a second exporter may outlive the first
            path = lock_path(self._directory, slot_name(EXPORTER, number))
            if not path.exists():
                return False
            if is_held(path):
                return True
        return False

    def _take(self) -> bool:
        with process_lock():  # forks wait for it: so every child knows of its copy
            descriptor = open_lock(self._directory / LOCK_FILE)
            try:
                if lock_now(descriptor):
                    self._descriptor = descriptor
            finally:
                if self._descriptor != descriptor:
                    close_lock(descriptor)
        return self._descriptor >= 0


class _Taker:
    """Takes the snapshots of a directory, whenever this process is elected."""

    def __init__(self, directory: Path, *, is_exporter: bool) -> None:
        self._directory = directory
        self._election = Election(directory, is_exporter=is_exporter)
        # A daemon thread may end in the middle of a write: an incomplete snapshot does no harm.
        self.thread = Periodic("monitoring-snapshots", self._take, SNAPSHOT_SECONDS)

    def _take(self) -> None:
        try:
            if self._election.is_won():
                # Imported here: only the elected process pays for numpy and the merge.
                from monitoring.figures.take_snapshot import take_snapshot  # noqa: PLC0415

                take_snapshot(self._directory)
        except Exception:
            report_failure("a snapshot could not be taken")


def run_in_web_server() -> None:
    """Start the thread if this process is a web worker. Never raises."""
    if values.role() == WEB and threads_run():
        ensure_running(configured_directory())


def ensure_running(
    directory: Path, *, is_exporter: bool = False, before_requests: bool = False
) -> None:
    """Start this process's thread if it has none. Call it after the last fork. Never raises.

    `before_requests` takes the first snapshot at once, so that its slow imports do not take
    processor time from requests.
    """
    try:
        _taker(directory, is_exporter).thread.ensure(first_here=before_requests)
    except Exception:
        report_failure("the snapshots could not be started")


@per_process
def _taker(directory: Path, is_exporter: bool) -> _Taker:
    """Per process: a forked child has no thread, and is elected on its own."""
    return _Taker(directory, is_exporter=is_exporter)
