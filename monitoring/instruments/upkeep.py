"""What a process does for its own metrics, once a second at most, while it works."""

import gc
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache

from monitoring.metrics.process_families import GarbageMetrics, garbage_metrics
from monitoring.primitives.per_process import per_process
from monitoring.storage import attach, values

TICK_SECONDS = 1.0

_jobs: list[Callable[[], None]] = []
_lock = per_process(threading.Lock)  # a fork in the middle of a tick leaves the child one


def add_job(job: Callable[[], None]) -> None:
    """Have `job` called with each tick: it must be quick, and must not raise."""
    if job not in _jobs:
        _jobs.append(job)


class Upkeep:
    """Moves metric files that were deleted while in use, and counts garbage collections."""

    def __init__(self, metrics: GarbageMetrics) -> None:
        self._by_statistic = {
            "collections": metrics.collections,
            "collected": metrics.collected,
            "uncollectable": metrics.uncollectable,
        }
        self._pid = os.getpid()
        self._seen: Sequence[dict[str, int]] = [dict.fromkeys(self._by_statistic, 0)] * 3

    def tick(self) -> None:
        """About 30 µs. Never waits: while one thread is at it, the others go on."""
        lock = _lock()
        if lock.acquire(blocking=False):
            try:
                values.tend()
                self._count_garbage()
                for job in _jobs:
                    job()
            finally:
                lock.release()

    def _count_garbage(self) -> None:
        slot = attach()
        stats = gc.get_stats()
        if os.getpid() != self._pid:  # the collections before the fork are the parent's
            self._pid, self._seen = os.getpid(), stats
        if slot is None:
            return
        for generation, (now, before) in enumerate(zip(stats, self._seen, strict=True)):
            for statistic, family in self._by_statistic.items():
                child = family.labels(slot.name, slot.role, str(generation))
                child.inc(now[statistic] - before[statistic])
        self._seen = stats


@cache
def upkeep() -> Upkeep:
    """This process's upkeep."""
    return Upkeep(garbage_metrics())
