"""Periodic work of a process for its own metrics, run at most once a second while it is active."""

import gc
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache

from monitoring.metrics.process_families import GarbageMetrics, garbage_metrics
from monitoring.primitives.per_process import per_process
from monitoring.storage import attach, values

TICK_SECONDS = 1.0

_calls: list[Callable[[], None]] = []
_lock = per_process(threading.Lock)  # not shared with a child: a fork may happen during a tick


def at_each_tick(call: Callable[[], None]) -> None:
    """Register a call that each tick makes, in one thread at a time: quick, and raising nothing."""
    if call not in _calls:
        _calls.append(call)


class Upkeep:
    """Replaces metric files deleted in use, counts garbage collections, makes the tick's calls."""

    def __init__(self, metrics: GarbageMetrics) -> None:
        self._by_statistic = {
            "collections": metrics.collections,
            "collected": metrics.collected,
            "uncollectable": metrics.uncollectable,
        }
        # Not `per_process`: a child that began with zeros would count its parent's collections,
        # because gc.get_stats() is inherited.
        self._pid = os.getpid()
        self._seen: Sequence[dict[str, int]] = [dict.fromkeys(self._by_statistic, 0)] * 3

    def tick(self) -> None:
        """Takes about 30 µs. Never waits: returns at once while another thread runs it."""
        lock = _lock()
        if lock.acquire(blocking=False):
            try:
                values.tend()
                self._count_garbage()
                for call in _calls:
                    call()
            finally:
                lock.release()

    def _count_garbage(self) -> None:
        slot = attach()
        stats = gc.get_stats()
        if os.getpid() != self._pid:  # collections before the fork are the parent's
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
    """The upkeep; a forked child goes on with its parent's."""
    return Upkeep(garbage_metrics())
