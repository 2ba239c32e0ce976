"""A thread with a bounded queue, for work that a request must not wait for."""

import atexit
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from monitoring.primitives.deadline import NoThreadError
from monitoring.primitives.one_thread import OneThread, threads_run
from monitoring.primitives.per_process import per_process
from monitoring.storage import this_process
from monitoring.storage.self_report import report_error

BATCH_SECONDS = 0.2
FLUSH_SECONDS = 2.0

_MAX_JOBS = 1000

T = TypeVar("T")
Job = Callable[[], None]


class Background(Generic[T]):
    """A bounded queue and its thread, which starts with the first item.

    `put` takes microseconds and does no I/O. A forked child begins with an empty queue and no
    thread. An exception in `work` is reported, and the thread continues. Items that still wait when
    the process ends are lost; with `flush`, the process first waits up to two seconds for them.
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
        """`work` gets the items that arrive within `batch_seconds` as one batch; with 0, one item.

        `limit` is the most items that wait; threads that call `put` at the same moment may exceed
        it by one item each. `name` is the thread's.
        """
        self._flush = flush
        self._queue = per_process(lambda: _Queue(name, work, limit, batch_seconds))

    def put(self, item: T, dropped_as: str | None) -> bool:
        """Queue the item. If the queue is full, or the process runs no threads, drop it, count
        the drop, and return False.

        `dropped_as` is the drop reason; None counts nothing, for callers that will try again.
        """
        queue = self._queue()
        is_added = threads_run() and queue.add(item)
        if queue.start_thread() and self._flush:
            atexit.register(self.finish)
        if not is_added and dropped_as is not None:
            this_process.drop(dropped_as)
        return is_added

    def finish(self) -> None:
        """Let the thread finish the waiting items and end; wait for it for two seconds at most."""
        self._queue().finish(FLUSH_SECONDS)


class _Queue(Generic[T]):
    """The queue and the thread of one process."""

    def __init__(
        self, name: str, work: Callable[[Sequence[T]], None], limit: int, batch_seconds: float
    ) -> None:
        self._name = name
        self._work = work
        self._limit = limit
        self._batch_seconds = batch_seconds
        # SimpleQueue, because a signal handler or a finaliser may call `put` inside a `put`.
        self._items: SimpleQueue[T | None] = SimpleQueue()
        self._thread = OneThread(name, self._run)

    def add(self, item: T) -> bool:
        """Queue the item; False if the queue is full."""
        if self._items.qsize() >= self._limit:
            return False
        self._items.put(item)
        return True

    def start_thread(self) -> bool:
        """Start the thread if it does not run; returns whether this call has started it.

        Every item asks, also one that finds the queue full: the system may have had no more threads
        before, and a job may have ended the thread (by SystemExit, say).
        """
        if not threads_run():
            return False
        try:
            return self._thread.ensure()
        except NoThreadError:
            report_error(f"{self._name}: no thread can be started")
            return False

    def finish(self, seconds: float) -> None:
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
        """Wait for a batch of items; returns it, and whether it is the last one."""
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


# For the query log and the migration figures: one job after the other, in one thread.
jobs: Background[Job] = Background("monitoring", _run_jobs, _MAX_JOBS, batch_seconds=0, flush=True)
