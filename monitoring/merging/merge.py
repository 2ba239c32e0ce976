"""Merges the files of all slots into one registry, with the stock collector's semantics.

Slow work is done once: a key is parsed when it first appears, and the layout (families, sample
names, labels, order) is rebuilt only when the set of series changes. Each merge then gathers the
values of every file, reduces them by series, and accumulates buckets.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_client.utils import floatToGoString

from monitoring.merging.layout import Indices, Layout, Line, Series, Values, bound_of, build_layout
from monitoring.merging.reader import DirectoryReader, Key, Labels, MetricFile, parse_key
from monitoring.primitives.per_process import per_process
from monitoring.storage import values

_FORGET_ABOVE = 10_000  # series of vanished files that are kept before all files are read again


@dataclass(frozen=True, slots=True)
class Merged:
    """The registry at one moment: `values[i]` belongs to `layout.lines[i]`."""

    layout: Layout
    values: Values
    files: int
    damaged: int
    empty: int
    gauges: tuple[tuple[str, Indices, Values], ...]  # for each gauge file: owner, series, values
    plain_gauges: Mapping[str, int]  # series number of each gauge that has no labels

    def by_owner(self, gauge_name: str) -> dict[str, float]:
        """The value of a gauge without labels in each slot, by slot name."""
        number = self.plain_gauges.get(gauge_name)
        return {
            owner: float(values[series == number][0])
            for owner, series, values in self.gauges
            if number in series
        }

    def samples(self, family_name: str) -> Iterator[tuple[Line, float]]:
        """The samples of a family; none if it is absent. A counter's family has no `_total`."""
        for family in self.layout.families:
            if family.name == family_name:
                for index in range(family.start, family.stop):
                    yield self.layout.lines[index], float(self.values[index])


@dataclass(slots=True)
class _Columns:
    """The series of a file's entries: entry `rows[i]` belongs to `series[i]`."""

    generation: int
    entries: int = 0  # how many were looked at; a damaged one has no series
    rows: Indices = field(default_factory=lambda: np.empty(0, np.intp))
    series: Indices = field(default_factory=lambda: np.empty(0, np.intp))
    unique: bool = True  # no series occurs twice


class Merger:
    """Merges one directory and keeps what it learns. Thread-safe; merges run one at a time."""

    def __init__(self, directory: Path, on_damage: Callable[[], None]) -> None:
        self._reader = DirectoryReader(directory, on_damage)
        self._lock = threading.Lock()
        self._series: list[Series] = []
        self._ids: dict[tuple[str, str, Labels], int] = {}
        self._plain_gauges: dict[str, int] = {}
        # (file prefix, owner if each owner has its own series) -> raw key -> series number
        self._numbers: dict[tuple[str, str], dict[bytes, int | None]] = {}
        self._columns: dict[str, tuple[MetricFile, _Columns]] = {}
        self._layout: Layout | None = None
        self._layout_shown: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._shown = 0

    def merge(self) -> Merged:
        """Read and merge all files. Damaged content never raises."""
        with self._lock:
            if len(self._series) > _FORGET_ABOVE + 2 * self._shown:
                self._forget()
            files = self._reader.refresh()
            columns = [self._columns_of(file) for file in files]
            for name in self._columns.keys() - {file.path.name for file in files}:
                del self._columns[name]
            # The stock collector's sums give Inf and NaN here too, without a warning.
            with np.errstate(over="ignore", invalid="ignore"):
                totals, shown = self._reduce(files, columns)
            if self._layout is None or not np.array_equal(shown, self._layout_shown):
                self._layout = build_layout(self._series, np.flatnonzero(shown))
                self._layout_shown, self._shown = shown, int(shown.sum())
            return Merged(
                self._layout,
                self._layout.output(totals),
                len(files),
                self._reader.damaged,
                self._reader.empty,
                tuple(
                    (file.name.owner, column.series, file.values[column.rows])
                    for file, column in zip(files, columns, strict=True)
                    if file.name.type == "gauge"
                ),
                dict(self._plain_gauges),
            )

    def _forget(self) -> None:
        self._reader.forget()
        self._series.clear()
        self._ids.clear()
        self._plain_gauges.clear()
        self._numbers.clear()
        self._columns.clear()
        self._layout = None
        self._shown = 0

    def _columns_of(self, file: MetricFile) -> _Columns:
        known = self._columns.get(file.path.name)
        if known is not None and known[0] is file and known[1].generation == file.generation:
            columns = known[1]
        else:
            columns = _Columns(file.generation)
            self._columns[file.path.name] = (file, columns)
        if file.new_keys:
            numbers = self._number(file)
            file.new_keys.clear()
            new = [
                (row, number)
                for row, number in enumerate(numbers, start=columns.entries)
                if number is not None
            ]
            columns.entries += len(numbers)
            added = np.array(new, np.intp).reshape(-1, 2)
            columns.rows = np.concatenate((columns.rows, added[:, 0]))
            columns.series = np.concatenate((columns.series, added[:, 1]))
            # np.unique would import numpy.ma, 30 ms of the first scrape.
            columns.unique = bool(np.diff(np.sort(columns.series)).all())
        return columns

    def _number(self, file: MetricFile) -> list[int | None]:
        """The series of each new entry; None for a damaged one."""
        # Workers mostly have the same series: a key that another file had costs one look-up.
        owner = file.name.owner if _mode(file) == "all" else ""
        known = self._numbers.setdefault((file.name.prefix, owner), {})
        numbers: list[int | None] = []
        for raw in file.new_keys:
            if raw not in known:
                known[raw] = self._series_id(file.name.type, raw, owner)
            number = known[raw]
            if number is None:
                self._reader.report_bad_key(file)
            numbers.append(number)
        return numbers

    def _series_id(self, kind: str, raw: bytes, owner: str) -> int | None:
        key = parse_key(raw)
        if key is not None and kind == "histogram":
            key = _with_canonical_bound(key)
        if key is None:
            return None
        labels = (*key.labels, ("pid", owner)) if owner else key.labels
        identity = (key.family, key.sample, labels)
        series = self._ids.get(identity)
        if series is None:
            series = self._ids[identity] = len(self._series)
            if kind == "gauge" and not labels:
                self._plain_gauges[key.sample] = series
            self._series.append(Series(key.family, key.sample, labels, kind, key.help))
        return series

    def _reduce(
        self, files: list[MetricFile], columns: list[_Columns]
    ) -> tuple[Values, NDArray[np.bool_]]:
        """The merged value of every series, and whether any file has it."""
        state = _State(
            np.zeros(len(self._series)),
            np.zeros(len(self._series)),
            np.zeros(len(self._series), np.bool_),
        )
        for file, column in zip(files, columns, strict=True):
            mode = _mode(file)
            values = file.values[column.rows]
            if mode == "mostrecent":
                _latest(state, column.series, values, file.timestamps[column.rows])
                continue
            operation = _OPERATIONS[mode]
            if column.unique:
                operation(state, column.series, values)
            else:  # a series twice (two help texts): indexing would apply one only
                for series, value in zip(column.series, values, strict=True):
                    operation(state, np.array([series]), np.array([value]))
        return state.totals, state.seen


@dataclass(slots=True)
class _State:
    totals: Values
    timestamps: Values
    seen: NDArray[np.bool_]


def _add(state: _State, series: Indices, values: Values) -> None:
    state.totals[series] += values
    state.seen[series] = True


def _assign(state: _State, series: Indices, values: Values) -> None:
    state.totals[series] = values
    state.seen[series] = True


def _lowest(state: _State, series: Indices, values: Values) -> None:
    # Like `value < current` in the stock collector: a NaN that came first stays.
    better = ~state.seen[series] | (values < state.totals[series])
    _assign(state, series[better], values[better])


def _highest(state: _State, series: Indices, values: Values) -> None:
    better = ~state.seen[series] | (values > state.totals[series])
    _assign(state, series[better], values[better])


def _latest(state: _State, series: Indices, values: Values, timestamps: Values) -> None:
    """A gauge that was never set has timestamp 0 and is not shown."""
    newer = timestamps > state.timestamps[series]
    state.timestamps[series[newer]] = timestamps[newer]
    _assign(state, series[newer], values[newer])


_OPERATIONS: dict[str, Callable[[_State, Indices, Values], None]] = {
    "sum": _add,
    "min": _lowest,
    "max": _highest,
    "all": _assign,
}


def _mode(file: MetricFile) -> str:
    """How the file's values are merged; an unknown gauge mode is treated as `all`."""
    if file.name.type != "gauge":
        return "sum"
    mode = file.name.mode.removeprefix("live")
    return mode if mode == "mostrecent" or mode in _OPERATIONS else "all"


def _with_canonical_bound(key: Key) -> Key | None:
    """`le="1"` and `le="1.0"` are one bucket; None if the bound is not a number."""
    try:
        bound = bound_of(key.labels)
    except ValueError:
        return None
    if bound is None:
        return key
    labels = tuple(pair for pair in key.labels if pair[0] != "le")
    return replace(key, labels=(*labels, ("le", floatToGoString(bound))))


@per_process
def shared_merger(directory: Path) -> Merger:
    """This process's merger. A forked child gets its own: the parent's lock may be held."""
    return Merger(directory, values.count_corrupt_file)
