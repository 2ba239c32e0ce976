"""Records the statistics of psycopg's pools (Django's option `pool`) after each request.

Names of the statistics: https://www.psycopg.org/psycopg3/docs/advanced/pool.html#pool-stats
"""

import sys
import threading
from typing import Any

from monitoring.metrics.database_families import pool_metrics
from monitoring.primitives.interruptions import is_interruption
from monitoring.primitives.per_process import per_process
from monitoring.storage.self_report import report_error

IN_USE = "in_use"
IDLE = "idle"
MAX = "max"

_CUMULATIVE = ("requests_num", "requests_queued", "requests_errors", "requests_wait_ms")


def record_pools(**_: Any) -> None:
    """Receiver of Django's `request_finished`; takes some microseconds for each pool."""
    try:
        for alias, pool in _pools():
            _recorder().record(alias, pool.get_stats())
    except Exception as error:
        if is_interruption(error):
            raise
        report_error("the connection pools could not be recorded")


def _pools() -> list[tuple[str, Any]]:
    # Not imported: a site with another database has no psycopg.
    backend = sys.modules.get("django.db.backends.postgresql.base")
    if backend is None:
        return []
    return list(backend.DatabaseWrapper._connection_pools.items())


class PoolRecorder:
    """Sets the gauges, and adds to our counters the increase of the pool's own counters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], int] = {}

    def record(self, alias: str, stats: dict[str, int]) -> None:
        metrics = pool_metrics()
        idle = stats.get("pool_available", 0)
        with self._lock:
            for state, value in (
                (IN_USE, stats.get("pool_size", 0) - idle),
                (IDLE, idle),
                (MAX, stats.get("pool_max", 0)),
            ):
                metrics.connections.labels(alias, state).set(value)
            metrics.waiting.labels(alias).set(stats.get("requests_waiting", 0))
            grown = {name: self._grown(alias, name, stats) for name in _CUMULATIVE}
        metrics.requests.labels(alias).inc(grown["requests_num"])
        metrics.queued.labels(alias).inc(grown["requests_queued"])
        metrics.errors.labels(alias).inc(grown["requests_errors"])
        metrics.wait.labels(alias).inc(grown["requests_wait_ms"] / 1000)

    def _grown(self, alias: str, name: str, stats: dict[str, int]) -> int:
        now, before = stats.get(name, 0), self._seen.get((alias, name), 0)
        self._seen[alias, name] = now
        return now - before if now >= before else now  # lower: a new pool, which began at 0


@per_process
def _recorder() -> PoolRecorder:
    """Per process: what a parent's pools counted before a fork is not the child's."""
    return PoolRecorder()
