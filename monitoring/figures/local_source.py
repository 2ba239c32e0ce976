"""Reads this host's figures: its merged registry now minus the snapshot at the window's start."""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from monitoring.conf import get_settings
from monitoring.figures.cuts import cut
from monitoring.figures.fine_windows import (
    FINE_BOUNDS,
    Counts,
    fine_windows,
    middle_quantiles,
)
from monitoring.figures.intervals import Interval, Intervals, status_class
from monitoring.figures.moments import Extractor, Moment, SeriesTable, increase
from monitoring.figures.quantile import Buckets
from monitoring.figures.ranking import Endpoint, Ranking, Selection
from monitoring.figures.snapshots import Snapshots
from monitoring.figures.traffic import (
    LOCAL,
    NOT_TOLD,
    SPENT_IN_ALL,
    SPENT_IN_REQUESTS,
    EndpointTimes,
    EndpointTraffic,
    Spent,
    Traffic,
    Workers,
)
from monitoring.figures.window import Window
from monitoring.merging.layout import Indices, Line, Values, bound_of
from monitoring.merging.merge import Merged, shared_merger
from monitoring.metrics import names
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform import boot_clock, processes
from monitoring.processes.process_metrics import read_states
from monitoring.processes.saturation import count_busy
from monitoring.processes.server_facts import read_facts
from monitoring.storage.fine_file import COUNTS
from monitoring.storage.slots import WEB

ERROR_RATE_SECONDS = 300.0

_IN_REQUESTS = {name: subject for subject, name in SPENT_IN_REQUESTS.items()}
_IN_ALL = {name: subject for subject, name in SPENT_IN_ALL.items()}


@dataclass(frozen=True, slots=True)
class Increase:
    """The increase in a window: `values[i]` for the series `table.lines[i]`."""

    table: SeriesTable
    values: Values
    covered_seconds: float | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in a window: `added[i]` is the increase of `lines[i]`.

    `merged` is the registry at the window's end.
    """

    merged: Merged
    lines: Sequence[Line]
    added: Sequence[float]
    covered_seconds: float | None


@dataclass(frozen=True, slots=True)
class _BucketRows:
    """Upper bounds of a histogram child, and the positions of its counts in a table's values."""

    bounds: tuple[float, ...]
    rows: Indices

    def buckets(self, values: Values) -> Buckets:
        return Buckets(self.bounds, values[self.rows].tolist())


@dataclass(frozen=True, slots=True)
class _Plan:
    """The positions of all needed series in a table's values."""

    requests: tuple[tuple[tuple[str, str, str], int], ...]
    classes: dict[str, Indices]
    duration: _BucketRows
    duration_sum: int
    endpoint_sums: dict[Endpoint, int]
    endpoint_counts: dict[Endpoint, int]
    slow: Indices
    spent: dict[str, dict[Endpoint, int]]  # by field of Spent
    spent_in_all: dict[str, list[int]]


class LocalSource:
    """Reads one metrics directory. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._snapshots = Snapshots(directory)
        self._extractor = Extractor()
        self._lock = threading.Lock()

    def traffic(self, window: Window, ranking: Ranking | None = None) -> Traffic:
        merged = shared_merger(self._directory).merge()
        added = self.increase(merged, window)
        plan, values = _plan(added.table), added.values
        requests = {labels: float(values[row]) for labels, row in plan.requests}
        return Traffic(
            source=LOCAL,
            covered_seconds=added.covered_seconds,
            requests=requests,
            duration=plan.duration.buckets(values),
            duration_sum=float(values[plan.duration_sum]) if plan.duration_sum >= 0 else 0.0,
            slow_count=float(values[plan.slow].sum()),
            in_progress=sum(merged.by_owner(names.HTTP_REQUESTS_IN_PROGRESS).values()),
            workers=self._workers(merged),
            endpoints=(
                EndpointTraffic()
                if ranking is None
                else self._endpoints(window, ranking, requests, plan, values)
            ),
        )

    def _endpoints(
        self,
        window: Window,
        ranking: Ranking,
        requests: Mapping[tuple[str, str, str], float],
        plan: _Plan,
        values: Values,
    ) -> EndpointTraffic:
        fine = fine_windows(self._directory).increase(window)
        places = {endpoint: place for place, endpoint in enumerate(fine.endpoints)}
        seconds = {endpoint: float(values[row]) for endpoint, row in plan.endpoint_sums.items()}

        def db_seconds() -> dict[Endpoint, float]:
            return {endpoint: float(values[row]) for endpoint, row in plan.spent["db"].items()}

        def spent(endpoint: Endpoint) -> Spent:
            rows = {subject: found.get(endpoint) for subject, found in plan.spent.items()}
            return Spent(**{s: float(values[row]) for s, row in rows.items() if row is not None})

        def sums(rows: Mapping[str, Collection[int]]) -> Spent:
            return Spent(**{s: float(values[[*found]].sum()) for s, found in rows.items() if found})

        def p95() -> dict[Endpoint, float]:
            found = middle_quantiles(0.95, fine.cumulative()).tolist()
            return dict(zip(fine.endpoints, found, strict=True))

        def times(endpoint: Endpoint) -> EndpointTimes:
            row, place = plan.endpoint_counts.get(endpoint), places.get(endpoint)
            counts = [0.0] * COUNTS if place is None else fine.cumulative(place).tolist()
            return EndpointTimes(
                endpoint,
                seconds.get(endpoint, 0.0),
                0.0 if row is None else float(values[row]),
                Buckets(FINE_BOUNDS, counts),
                spent(endpoint),
            )

        first = ranking.first(requests, seconds, p95, db_seconds)
        return EndpointTraffic(
            [times(endpoint) for endpoint in first],
            covered_seconds=fine.covered_seconds,
            spent=sums({subject: found.values() for subject, found in plan.spent.items()}),
            spent_in_all=sums(plan.spent_in_all),
            knows_outgoing=get_settings().OUTGOING_HTTP,
        )

    def intervals(self, window: Window, selection: Selection | None = None) -> Intervals:
        merged = shared_merger(self._directory).merge()
        if selection is not None:
            found, is_known = fine_windows(self._directory).cut(window, selection, merged)
        else:
            with self._lock:
                now = self._extractor.moment(merged, boot_clock.now())
                found, is_known = cut(self._snapshots, window, now, _between), True
        offset = time.time() - found.now
        return Intervals(
            source=LOCAL,
            covered_seconds=found.covered_seconds,
            step_seconds=found.step_seconds,
            intervals=[
                Interval(start + offset, end + offset, *counts)
                for start, end, counts in (found.parts if is_known else ())
            ],
            duration=found.whole[1],
            is_known=is_known,
        )

    def counted(self, window: Window) -> Counted:
        """The increase of every kept series in the window that ends now."""
        merged = shared_merger(self._directory).merge()
        added = self.increase(merged, window)
        return Counted(merged, added.table.lines, added.values.tolist(), added.covered_seconds)

    def increase(self, merged: Merged, window: Window) -> Increase:
        """The increase of the kept series in the window that ends with this merge."""
        with self._lock:
            now = self._extractor.moment(merged, boot_clock.now())
            then, covered = self._snapshots.begin_of(window.seconds, now)
            return Increase(now.table, increase(then, now), covered)

    def error_rate(self, merged: Merged) -> float | None:
        """Percent of requests in five minutes with status 400 or above; None without a request."""
        added = self.increase(merged, Window(ERROR_RATE_SECONDS))
        requests = [
            (labels[2], float(added.values[row])) for labels, row in _plan(added.table).requests
        ]
        total = sum(count for _, count in requests)
        errors = sum(count for status, count in requests if status >= "400")
        return 100 * errors / total if total else None

    def _workers(self, merged: Merged) -> Workers:
        facts = read_facts(self._directory)
        in_progress = merged.by_owner(names.HTTP_REQUESTS_IN_PROGRESS)
        if processes.why_unknown():
            return Workers(facts.workers if facts else None, None, None)
        states = read_states(self._directory, WEB)
        busy = count_busy(states, in_progress)
        if facts is None:
            return Workers(None, len(states), busy, NOT_TOLD)
        return Workers(facts.workers, len(states), busy)


@per_process
def local_source(directory: Path) -> LocalSource:
    """This process's source for the directory; a forked child gets its own."""
    return LocalSource(directory)


def _between(early: Moment, late: Moment) -> Counts:
    plan, values = _plan(late.table), increase(early, late)
    classes = {
        name: float(count) for name, rows in plan.classes.items() if (count := values[rows].sum())
    }
    return classes, plan.duration.buckets(values)


@lru_cache(maxsize=2)
def _plan(table: SeriesTable) -> _Plan:
    requests, slow = [], []
    fine: list[int] = []
    fine_sum = -1
    sums: dict[Endpoint, int] = {}
    counts: dict[Endpoint, int] = {}
    spent: dict[str, dict[Endpoint, int]] = {subject: {} for subject in SPENT_IN_REQUESTS}
    in_all: dict[str, list[int]] = {subject: [] for subject in SPENT_IN_ALL}
    for row, line in enumerate(table.lines):
        labels = dict(line.labels)
        if (subject := _IN_REQUESTS.get(line.name)) is not None:
            spent[subject][labels["method"], labels["route"]] = row
        elif (subject := _IN_ALL.get(line.name)) is not None:
            in_all[subject].append(row)
        match line.name:
            case names.HTTP_REQUESTS:
                requests.append(((labels["method"], labels["route"], labels["status"]), row))
            case names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket:
                fine.append(row)
            case names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.sum:
                fine_sum = row
            case names.HTTP_REQUEST_DURATION_SECONDS.count:
                counts[labels["method"], labels["route"]] = row
            case names.HTTP_REQUEST_DURATION_SECONDS.sum:
                sums[labels["method"], labels["route"]] = row
            case names.HTTP_SLOW_REQUESTS:
                slow.append(row)
    return _Plan(
        requests=tuple(requests),
        classes={
            name: np.array([row for key, row in requests if status_class(key[2]) == name], np.intp)
            for name in {status_class(key[2]) for key, _ in requests}
        },
        duration=_bucket_rows(table.lines, fine),
        duration_sum=fine_sum,
        endpoint_sums=sums,
        endpoint_counts=counts,
        slow=np.array(slow, np.intp),
        spent=spent,
        spent_in_all=in_all,
    )


def _bucket_rows(lines: Sequence[Line], rows: Sequence[int]) -> _BucketRows:
    bounds = tuple(bound_of(lines[row].labels) or 0.0 for row in rows)
    return _BucketRows(bounds, np.array(rows, np.intp))
