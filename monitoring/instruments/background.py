"""Work for later: what a request must not wait for, done by a thread of this process."""

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from monitoring.primitives.per_process import per_process
from monitoring.storage import values
from monitoring.storage.self_report import report_error

BATCH_SECONDS = 0.2
FLUSH_SECONDS = 2.0

_MAX_JOBS = 1000

T = TypeVar("T")
Job = Callable[[], None]


class Background(Generic[T]):
    """A bounded queue and its thread, which is started with the first item.

    `put` takes microseconds and does no I/O. A forked child begins with an empty queue and no
    thread. An error of the work is reported, and the thread goes on. What waits when the process
    ends is lost, unless `flush` gives it two seconds at most.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], None],
        limit: int,
        *,
        batch_seconds: float = BATCH_SECONDS,
        flush: bool = False,
    ) -> None:
        """What comes within `batch_seconds` is worked on together; with 0 each item alone.

        `limit` is how many may wait; an item for each thread that puts at the same moment may be
        added to that. `name` is the thread's.
        """
        self._flush = flush
        self._queue = per_process(lambda: _Queue(name, work, limit, batch_seconds))

    def put(self, item: T, dropped_as: str | None) -> bool:
        """False if the queue is full: the item is left out, and counted under this drop reason.

        None counts nothing: for items that their caller brings again.
        """
        queue = self._queue()
        if queue.is_full():
            if dropped_as is not None:
                values.drop(dropped_as)
            return False
        if queue.put(item) and self._flush:
            atexit.register(self.finish)
        return True

    def finish(self) -> None:
        """Work on what waits, for two seconds at most; then the thread ends."""
        self._queue().finish(FLUSH_SECONDS)


class _Queue(Generic[T]):
    """What a process has of a Background."""

    def __init__(
        self, name: str, work: Callable[[Sequence[T]], None], limit: int, batch_seconds: float
    ) -> None:
        self._name = name
        self._work = work
        self._limit = limit
        self._batch_seconds = batch_seconds
        # Its `put` may be interrupted by one in a signal handler or a finaliser.
        self._items: SimpleQueue[T | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_full(self) -> bool:
        return self._items.qsize() >= self._limit

    def put(self, item: T) -> bool:
        """Whether this has started the thread."""
        self._items.put(item)
        # Who does not get the lock leaves it to the other one: nobody waits here.
        if self._thread is not None or not self._starting.acquire(blocking=False):
            return False
        try:
            return self._thread is None and self._start()
        finally:
            self._starting.release()

    def _start(self) -> bool:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads: the next item tries again
            report_error(f"{self._name}: no thread can be started")
            return False
        self._thread = thread
        return True

    def finish(self, seconds: float) -> None:
        if self._thread is not None:
            self._items.put(None)
            self._thread.join(seconds)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._take()
            try:
                if batch:
                    self._work(batch)
            except Exception:
                report_error(f"{self._name}: work in the background failed")

    def _take(self) -> tuple[list[T], bool]:
        """Wait for an item, and for those that come with it; whether they are the last ones."""
        item = self._items.get()
        if item is None:
            return [], True
        batch = [item]
        if self._batch_seconds:
            time.sleep(self._batch_seconds)
            try:
                while len(batch) < self._limit:
                    item = self._items.get_nowait()
                    if item is None:
                        return batch, True
                    batch.append(item)
            except Empty:
                pass
        return batch, False


def _run_jobs(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job()


# Of the query log and the migrations: one after the other, in one thread.
jobs: Background[Job] = Background("monitoring", _run_jobs, _MAX_JOBS, batch_seconds=0, flush=True)
