"""Takes the snapshots: in one process of the host, elected by flock, in a thread of its own.

Each process that may do it looks every few seconds whether the lock is free; the kernel frees it
when its holder dies, however it dies. A worker leaves it to the exporter where there is one: then
no worker ever spends memory or time on it.
"""

import os
import threading
import time
from pathlib import Path

from monitoring.primitives.lock_files import try_lock
from monitoring.primitives.per_process import per_process
from monitoring.storage import values
from monitoring.storage.directory import configured_directory
from monitoring.storage.self_report import report_error
from monitoring.storage.slots import WEB, is_held, lock_path, process_lock

SNAPSHOT_SECONDS = 5.0
LOCK_FILE = "snapshots.lock"

_EXPORTER_SLOT = "exporter-0"


class Election:
    """Whether this process is the one that takes the snapshots of a directory."""

    def __init__(self, directory: Path, *, is_exporter: bool) -> None:
        self._directory = directory
        self._is_exporter = is_exporter
        self._descriptor = -1
        os.register_at_fork(after_in_child=self.leave)

    def is_won(self) -> bool:
        """Take or keep the lock, if it is ours to take. Raises OSError."""
        if not self._is_exporter and self._has_exporter():
            self.leave()
            return False
        if self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0:
            self.leave()  # the directory was emptied: that lock keeps nobody out any more
        return self._descriptor >= 0 or self._take()

    def leave(self) -> None:
        """Close the lock; in a forked child only its copy, so the parent keeps it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _has_exporter(self) -> bool:
        path = lock_path(self._directory, _EXPORTER_SLOT)
        return path.exists() and is_held(path)

    def _take(self) -> bool:
        with process_lock:  # held over forks: no child has a copy that it does not know of
            descriptor = try_lock(self._directory / LOCK_FILE)
            if descriptor is not None:
                self._descriptor = descriptor
        return descriptor is not None


class _Recorder(threading.Thread):
    """Ends with its process: a daemon thread, and what it writes may stop at any byte."""

    def __init__(self, directory: Path, *, is_exporter: bool) -> None:
        super().__init__(name="monitoring-snapshots", daemon=True)
        self._directory = directory
        self._election = Election(directory, is_exporter=is_exporter)

    def run(self) -> None:
        while True:
            self.tick()
            time.sleep(SNAPSHOT_SECONDS)

    def tick(self) -> None:
        """Take a snapshot if it is ours to take. Never raises."""
        try:
            if self._election.is_won():
                # Imported here: only the elected process pays for numpy and the merge.
                from monitoring.figures.snapshots import take_snapshot  # noqa: PLC0415

                take_snapshot(self._directory)
        except Exception:
            report_error("a snapshot could not be taken")


def run_in_web_server() -> None:
    """Start the thread in a process that answers requests; in no other one. Never raises."""
    if values.role() == WEB:
        ensure_running(configured_directory())


def ensure_running(
    directory: Path, *, is_exporter: bool = False, before_requests: bool = False
) -> None:
    """Start this process's thread if it has none; not before the last fork. Never raises.

    `before_requests` takes the first snapshot at once, so that no request shares the processor
    with the imports that it needs.
    """
    if not _right_to_start().acquire(blocking=False):
        return
    try:
        recorder = _Recorder(directory, is_exporter=is_exporter)
        if before_requests:
            recorder.tick()
        recorder.start()
    except Exception:
        report_error("the snapshots could not be started")


@per_process
def _right_to_start() -> threading.Lock:
    """Taken once, never given back. Threads do not live on in a forked child: it has its own."""
    return threading.Lock()
