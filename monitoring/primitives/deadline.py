"""Work in a thread, by a deadline that holds whatever the work does.

A server that is stopped, or a network that swallows packets, keeps a driver waiting whatever
timeouts it was given: only another thread can go on in time.
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class StillRunningError(Exception):
    """The last run of this key has not ended yet."""


class NoThreadError(Exception):
    """The system, or an interpreter that ends, gives no more threads."""


class Run(Generic[T]):
    """Work that has begun. Any number of threads may wait for it."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.error: BaseException | None = None
        self._values: list[T] = []
        self._answered = threading.Event()
        self._ended = threading.Event()

    def wait(self, until: float) -> bool:
        """Whether there is an answer by `until` (monotonic seconds)."""
        return self._answered.wait(max(0.0, until - time.monotonic()))

    def value(self) -> T:
        """What the work gave, after a `wait` that said True. Raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self._values[0]


class Runs(Generic[T]):
    """Runs work in daemon threads, for each key one at a time: late ones never pile up.

    Who waits stops at their own deadline. A run that is late is left alone; until it has ended,
    its key has no other. Nothing is cancelled, and nothing waits at the process's end. Not to be
    used across a fork: keep it by `per_process`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for the look-up only
        self._running: dict[Hashable, Run[T]] = {}

    def start(
        self,
        key: Hashable,
        work: Callable[[], T],
        *,
        name: str,
        afterwards: Callable[[], object] | None = None,
        patience_until: float = float("-inf"),
    ) -> Run[T]:
        """Begin; `name` is the thread's.

        `afterwards` is called in the thread, whatever became of the work, once its answer is known
        (closing connections keeps nobody waiting) and before the key is free. Raises
        StillRunningError if a run of this key has not ended by `patience_until` (monotonic
        seconds), and NoThreadError.
        """
        run: Run[T] = Run()
        while (earlier := self._enter(key, run)) is not run:
            if not earlier._ended.wait(max(0.0, patience_until - time.monotonic())):
                raise StillRunningError
        self._launch(key, run, work, name, afterwards)
        return run

    def join(
        self,
        key: Hashable,
        work: Callable[[], T],
        *,
        name: str,
        afterwards: Callable[[], object] | None = None,
    ) -> Run[T]:
        """The run of this key that has no answer yet, else a new one. Raises NoThreadError.

        Who had joined a run that gets no thread finds the same error in it.
        """
        run: Run[T] = Run()
        with self._lock:
            earlier = self._running.get(key)
            if earlier is not None and not earlier._answered.is_set():
                return earlier
            # An answer is given once: who comes later must not get what was true before.
            self._running[key] = run
        self._launch(key, run, work, name, afterwards)
        return run

    def _enter(self, key: Hashable, run: Run[T]) -> Run[T]:
        with self._lock:
            return self._running.setdefault(key, run)

    def _launch(
        self,
        key: Hashable,
        run: Run[T],
        work: Callable[[], T],
        name: str,
        afterwards: Callable[[], object] | None,
    ) -> None:
        def in_thread() -> None:
            try:
                run._values.append(work())
            except BaseException as error:  # also a SystemExit is told to who waits
                run.error = error
            try:
                run._answered.set()
                if afterwards is not None:
                    afterwards()
            finally:
                self._leave(key, run)

        try:
            threading.Thread(target=in_thread, name=name, daemon=True).start()
        except RuntimeError as error:
            run.error = NoThreadError("no thread can be started")
            self._leave(key, run)
            raise run.error from error

    def _leave(self, key: Hashable, run: Run[T]) -> None:
        with self._lock:
            if self._running.get(key) is run:
                del self._running[key]
        run._answered.set()
        run._ended.set()
