"""Repeats work every so many seconds, in one thread of each process that asks for it."""

import threading
import time
from collections.abc import Callable

from monitoring.primitives.deadline import NoThreadError
from monitoring.primitives.per_process import per_process


class Periodic:
    """Work that a daemon thread repeats until the process ends.

    Any thread may call `ensure`, at any time. A forked child has no thread until it calls `ensure`.
    """

    def __init__(self, name: str, work: Callable[[], object], seconds: float) -> None:
        """`name` is the thread's. `work` must not raise: its thread would end."""
        self._thread = per_process(lambda: _Thread(name, work, seconds))

    def ensure(self, *, first_here: bool = False) -> bool:
        """Start this process's thread if there is none; returns whether this call started it.

        `first_here` also does the work once in the caller's thread, before the new thread begins.
        Raises NoThreadError; the next call tries again.
        """
        return self._thread().ensure(first_here=first_here)


class _Thread:
    """The thread of one process."""

    def __init__(self, name: str, work: Callable[[], object], seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ensure(self, *, first_here: bool) -> bool:
        # If another thread holds the lock, it starts the thread: there is no need to wait.
        if self._is_running() or not self._starting.acquire(blocking=False):
            return False
        try:
            if self._is_running():
                return False
            if first_here:
                self._work()
            self._start()
            return True
        finally:
            self._starting.release()

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        thread = threading.Thread(target=self._repeat, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise NoThreadError(f"{self._name}: no thread can be started") from error
        self._thread = thread

    def _repeat(self) -> None:
        while True:
            self._work()
            time.sleep(self._seconds)
