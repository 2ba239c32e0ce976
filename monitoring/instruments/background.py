"""Work for later: items of requests, dealt with in batches by a thread of this process."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from monitoring.storage.self_report import report_error

BATCH_SECONDS = 0.2

T = TypeVar("T")


class Background(Generic[T]):
    """A bounded queue and its thread, started with the first item. Survives forks, empty."""

    def __init__(self, name: str, work: Callable[[Sequence[T]], None], limit: int) -> None:
        self._name = name
        self._work = work
        self._limit = limit
        self._pid = 0
        self._items: deque[T] = deque()
        self._wake = threading.Event()

    def put(self, item: T) -> bool:
        """Microseconds, no I/O; False if the queue is full, and the item is left out."""
        if self._pid != os.getpid():
            self._start()
        if len(self._items) >= self._limit:
            return False
        self._items.append(item)
        self._wake.set()
        return True

    def _start(self) -> None:
        self._items, self._wake = deque(), threading.Event()
        self._pid = os.getpid()
        # A daemon: what is not dealt with when the process ends is lost, and holds up nothing.
        threading.Thread(
            target=self._run, args=(self._items, self._wake), name=self._name, daemon=True
        ).start()

    def _run(self, items: deque[T], wake: threading.Event) -> None:
        while True:
            wake.wait()
            time.sleep(BATCH_SECONDS)
            wake.clear()
            batch = [items.popleft() for _ in range(len(items))]
            try:
                if batch:
                    self._work(batch)
            except Exception:
                report_error(f"{self._name}: a batch was lost")
