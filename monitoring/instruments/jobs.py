"""One thread for each process that does what a request must not wait for."""

import atexit
import os
import queue
import threading
from collections.abc import Callable
from functools import lru_cache

from monitoring.storage import own_counters, values
from monitoring.storage.self_report import report_error

_MAX_WAITING = 1000
_FLUSH_SECONDS = 2.0

Job = Callable[[], None]


class Background:
    """Runs jobs one after the other; when too many wait, further ones are dropped and counted."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Run the job soon. Never waits. Raises RuntimeError if no thread can be started."""
        if self._jobs.qsize() >= _MAX_WAITING:
            values.drop(own_counters.QUERY_LOG)
            return
        self._jobs.put(job)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name="monitoring", daemon=True)
                    thread.start()
                    self._thread = thread
                    atexit.register(self.finish)

    def finish(self) -> None:
        """Run what waits, for two seconds at most."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(_FLUSH_SECONDS)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                report_error("a background job failed")


def background() -> Background:
    """This process's thread; a forked child gets one of its own."""
    return _background_of(os.getpid())


@lru_cache(maxsize=1)
def _background_of(pid: int) -> Background:
    return Background()
