"""A thread that a process has one of: whoever comes first starts it, and again if it has ended."""

import threading
import time
from collections.abc import Callable
from functools import cache

from monitoring.primitives.deadline import NoThreadError
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform.forks import uwsgi_module

NO_THREADS = "uWSGI runs no threads: set enable-threads"


@cache
def threads_run() -> bool:
    """Whether threads run while the process answers nothing.

    An older uWSGI without `enable-threads` keeps the interpreter's lock between two requests: a
    thread would stop in the middle of its work, with locks held that other processes wait for.
    """
    return bool(getattr(uwsgi_module(), "has_threads", True))


class OneThread:
    """A daemon thread. Any number of threads may call `ensure`; none of them waits.

    A forked child has no thread, so keep an instance by `per_process`.
    """

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        """`name` and `target` are the thread's."""
        self._name = name
        self._target = target
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def ensure(self, first: Callable[[], object] | None = None) -> bool:
        """Start the thread if it does not run; returns whether this call has started it.

        `first` is called before the start, in the caller's thread. Raises NoThreadError if the
        system gives no thread, or runs none; the next call tries again.
        """
        if not threads_run():
            raise NoThreadError(NO_THREADS)
        # If another thread holds the lock, it starts the thread: there is no need to wait.
        if self._is_running() or not self._starting.acquire(blocking=False):
            return False
        try:
            if self._is_running():
                return False
            if first is not None:
                first()
            thread = threading.Thread(target=self._target, name=self._name, daemon=True)
            thread.start()
            self._thread = thread
        except RuntimeError as error:
            raise NoThreadError(f"{self._name}: no thread can be started") from error
        finally:
            self._starting.release()
        return True

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, for `seconds` at most; return at once if none was started."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()


class Periodic:
    """Work that a daemon thread repeats until the process ends.

    Any thread may call `ensure`, at any time. A forked child has no thread until it calls `ensure`.
    """

    def __init__(self, name: str, work: Callable[[], object], seconds: float) -> None:
        """`name` is the thread's. `work` must not raise: its thread would end."""
        self._work = work
        self._seconds = seconds
        self._thread = per_process(lambda: OneThread(name, self._repeat))

    def ensure(self, *, first_here: bool = False) -> bool:
        """Start this process's thread if there is none; returns whether this call started it.

        `first_here` also does the work once in the caller's thread, before the new thread begins.
        Raises NoThreadError; the next call tries again.
        """
        return self._thread().ensure(self._work if first_here else None)

    def _repeat(self) -> None:
        while True:
            self._work()
            time.sleep(self._seconds)
