"""The figures of this host: its merged registry now, less the nearest snapshot."""

import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from monitoring.exporter.gunicorn import count_busy
from monitoring.exporter.processes import read_states
from monitoring.storage.layout import Indices, Line, Values, bound_of
from monitoring.storage.merge import Merged
from monitoring.storage.roles import WEB
from monitoring.storage.server_facts import read_facts
from monitoring.storage.shared import shared_merger
from monitoring.summary import clock
from monitoring.summary.quantile import Buckets
from monitoring.summary.series import EMPTY_TABLE, Extractor, Moment, Table, increase
from monitoring.summary.snapshots import Snapshots
from monitoring.summary.traffic import Endpoint, Traffic, Workers
from monitoring.summary.window import Window

ENDPOINTS = 20
ERROR_RATE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Increase:
    """What was added in a window: `values[i]` to the series `table.lines[i]`."""

    table: Table
    values: Values
    covered_seconds: float | None


@dataclass(frozen=True, slots=True)
class _Cells:
    """A histogram child's buckets: their bounds, and where their counts are."""

    bounds: tuple[float, ...]
    rows: Indices

    def buckets(self, values: Values) -> Buckets:
        return Buckets(self.bounds, values[self.rows].tolist())


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where in a table's values the figures are."""

    requests: tuple[tuple[tuple[str, str, str], int], ...]
    duration: _Cells
    duration_sum: int
    endpoint_sums: tuple[tuple[Endpoint, int], ...]
    endpoint_buckets: dict[Endpoint, _Cells]
    slow: Indices


class LocalSource:
    """Reads one metrics directory. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._snapshots = Snapshots(directory)
        self._extractor = Extractor()
        self._lock = threading.Lock()

    def traffic(self, window: Window) -> Traffic:
        merged = shared_merger(self._directory).merge()
        added = self.increase(merged, window)
        plan, values = _plan(added.table), added.values
        seconds = {endpoint: float(values[row]) for endpoint, row in plan.endpoint_sums}
        top = sorted(seconds, key=seconds.__getitem__, reverse=True)[:ENDPOINTS]
        return Traffic(
            source="local",
            covered_seconds=added.covered_seconds,
            requests={labels: float(values[row]) for labels, row in plan.requests},
            duration=plan.duration.buckets(values),
            duration_sum=float(values[plan.duration_sum]) if plan.duration_sum >= 0 else 0.0,
            endpoint_seconds=seconds,
            endpoint_buckets={
                endpoint: plan.endpoint_buckets[endpoint].buckets(values)
                for endpoint in top
                if endpoint in plan.endpoint_buckets
            },
            slow_count=float(values[plan.slow].sum()),
            in_progress=sum(merged.by_owner("http_requests_in_progress").values()),
            workers=self._workers(merged),
        )

    def increase(self, merged: Merged, window: Window) -> Increase:
        """What was added to the kept series in the window that ends with this merge."""
        with self._lock:
            now = self._extractor.moment(merged, clock.now())
            then, covered = self._begin_of(window, now)
            return Increase(now.table, increase(then, now), covered)

    def error_rate(self, merged: Merged) -> float | None:
        """Percent of requests with a status of 400 and above in five minutes; None without any."""
        added = self.increase(merged, Window(ERROR_RATE_SECONDS))
        requests = [
            (labels[2], float(added.values[row])) for labels, row in _plan(added.table).requests
        ]
        total = sum(count for _, count in requests)
        errors = sum(count for status, count in requests if status >= "400")
        return 100 * errors / total if total else None

    def _begin_of(self, window: Window, now: Moment) -> tuple[Moment, float | None]:
        if window.seconds is None:
            start = self._snapshots.start()
            is_known = start is not None and start.counters_began
            covered = now.time - start.time if start is not None and is_known else None
            return Moment(0.0, EMPTY_TABLE, np.empty(0)), covered
        then = self._snapshots.nearest(now.time - window.seconds)
        if then is None:  # nothing is known of the past: not even that it was quiet
            return now, 0.0
        return then, now.time - then.time

    def _workers(self, merged: Merged) -> Workers:
        facts = read_facts(self._directory)
        in_progress = merged.by_owner("http_requests_in_progress")
        states = read_states(self._directory, WEB)
        busy = count_busy(states, in_progress)
        return Workers(facts.workers if facts else None, len(states), busy)


def local_source(directory: Path) -> LocalSource:
    """This process's source for the directory; a forked child gets its own."""
    return _source_of(directory, os.getpid())


@lru_cache(maxsize=2)
def _source_of(directory: Path, pid: int) -> LocalSource:
    return LocalSource(directory)


@lru_cache(maxsize=2)
def _plan(table: Table) -> _Plan:
    requests, sums, slow = [], [], []
    fine: list[int] = []
    fine_sum = -1
    coarse: dict[Endpoint, list[int]] = defaultdict(list)
    for row, line in enumerate(table.lines):
        labels = dict(line.labels)
        match line.name:
            case "http_requests_total":
                requests.append(((labels["method"], labels["route"], labels["status"]), row))
            case "http_request_duration_highr_seconds_bucket":
                fine.append(row)
            case "http_request_duration_highr_seconds_sum":
                fine_sum = row
            case "http_request_duration_seconds_bucket":
                coarse[labels["method"], labels["route"]].append(row)
            case "http_request_duration_seconds_sum":
                sums.append(((labels["method"], labels["route"]), row))
            case "http_slow_requests_total":
                slow.append(row)
    return _Plan(
        requests=tuple(requests),
        duration=_cells(table.lines, fine),
        duration_sum=fine_sum,
        endpoint_sums=tuple(sums),
        endpoint_buckets={key: _cells(table.lines, rows) for key, rows in coarse.items()},
        slow=np.array(slow, np.intp),
    )


def _cells(lines: Sequence[Line], rows: Sequence[int]) -> _Cells:
    bounds = tuple(bound_of(lines[row].labels) or 0.0 for row in rows)
    return _Cells(bounds, np.array(rows, np.intp))
