"""Takes the series that windows need from a merge, and subtracts two such moments."""

import hashlib
import json
import zlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from monitoring.merging.layout import Indices, Layout, Line, Values
from monitoring.merging.merge import Merged
from monitoring.merging.reader import Labels
from monitoring.metrics import names
from monitoring.metrics.foreign_families import foreign

_FAMILIES = {
    names.family_of(names.HTTP_REQUESTS),
    names.HTTP_REQUEST_DURATION_SECONDS.family,
    names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.family,
    names.family_of(names.HTTP_SLOW_REQUESTS),
    names.HTTP_REQUEST_QUERIES.family,
    names.family_of(names.HTTP_REQUEST_DB_SECONDS),
    names.family_of(names.HTTP_REQUEST_CACHE_SECONDS),
    names.family_of(names.HTTP_REQUEST_OUTGOING_SECONDS),
    names.family_of(names.HTTP_REQUEST_DB_QUERIES),
    names.DB_QUERY_DURATION_HIGHR_SECONDS.family,
    names.family_of(names.DB_REPEATED_QUERIES),
    names.family_of(names.DB_SLOW_QUERIES),
    names.family_of(names.CACHE_OPERATIONS),
    names.family_of(names.CACHE_OPERATION_SECONDS),
    names.OUTGOING_HTTP_REQUEST_DURATION_SECONDS.family,
}
_FOREIGN = (foreign("django_db_"), foreign("django_cache_"))
# A sum over slots may round differently after a slot is added: that is not a reset.
_ROUNDING = 1 - 1e-9
_CUMULATIVE = {"counter", "histogram"}
Child = tuple[str, Labels]
# Percentiles of a route come from the fine files: figures/fine_windows.py.
_UNUSED = {
    names.HTTP_REQUEST_DURATION_SECONDS.bucket,
    names.OUTGOING_HTTP_REQUEST_DURATION_SECONDS.bucket,
}
_OF_HISTOGRAMS = ("_bucket", "_count", "_sum")


def is_kept(name: str, kind: str) -> bool:
    """Whether windows need this family (a counter's name comes without `_total`)."""
    return kind in _CUMULATIVE and (name in _FAMILIES or name.startswith(_FOREIGN))


@dataclass(frozen=True, eq=False)
class SeriesTable:
    """The series that a moment's values belong to, in order. Compared by identity."""

    lines: tuple[Line, ...]

    @cached_property
    def encoded(self) -> bytes:
        texts = [[line.name, dict(line.labels)] for line in self.lines]
        return zlib.compress(json.dumps(texts, separators=(",", ":")).encode(), 1)

    @cached_property
    def id(self) -> int:
        return int.from_bytes(hashlib.blake2b(self.encoded, digest_size=8).digest())

    @classmethod
    def decode(cls, data: bytes) -> "SeriesTable":
        """Raises ValueError or zlib.error if the data is not a table."""
        texts = json.loads(zlib.decompress(data))
        return cls(tuple(Line(name, tuple(labels.items())) for name, labels in texts))


EMPTY_TABLE = SeriesTable(())


@dataclass(frozen=True, slots=True)
class Moment:
    """Cumulative values at one time; `time` is in seconds since boot.

    A line has one value, or a row of them.
    """

    time: float
    table: SeriesTable
    values: Values


@dataclass(slots=True)
class Extractor:
    """Takes the kept series out of merges. It builds one table for each layout."""

    _layout: Layout | None = None
    _table: SeriesTable = EMPTY_TABLE
    _rows: Indices = field(default_factory=lambda: np.empty(0, np.intp))

    def moment(self, merged: Merged, time: float) -> Moment:
        if merged.layout is not self._layout:
            rows = [
                row
                for family in merged.layout.families
                if is_kept(family.name, family.type)
                for row in range(family.start, family.stop)
                if merged.layout.lines[row].name not in _UNUSED
            ]
            self._rows = np.array(rows, np.intp)
            self._table = SeriesTable(tuple(merged.layout.lines[row] for row in rows))
            self._layout = merged.layout
        return Moment(time, self._table, merged.values[self._rows])


def aligned(moment: Moment, table: SeriesTable) -> Values:
    """The moment's values in the order of `table`; 0 for a series that the moment lacks."""
    if moment.table is table:
        return moment.values
    none = np.zeros((1, *moment.values.shape[1:]))
    return np.concatenate((moment.values, none))[places(moment.table, table)]


@lru_cache(maxsize=8)  # each entry keeps two tables alive
def places(there: SeriesTable, here: SeriesTable) -> Indices:
    """Where each line of `here` is in `there`; -1 if it is not."""
    positions = {line: position for position, line in enumerate(there.lines)}
    return np.array([positions.get(line, -1) for line in here.lines], np.intp)


def increase(then: Moment, now: Moment) -> Values:
    """The increase between two moments, for each series of `now`.

    A counter that is lower than before was reset to 0, so its whole value is the increase.
    """
    if not then.table.lines:  # all counters began at 0
        return now.values
    before = aligned(then, now.table)
    goes_on = now.values >= before * _ROUNDING
    return np.where(goes_on, np.maximum(now.values - before, 0.0), now.values)


def went_back(then: Moment, now: Moment) -> set[Child]:
    """The counters and histograms that were reset: lower than before, or gone."""
    lower = aligned(now, then.table) < then.values * _ROUNDING
    rows = np.flatnonzero(lower.any(axis=tuple(range(1, lower.ndim))))
    return {_child_of(then.table.lines[row]) for row in rows.tolist()}


def is_counter(child: Child) -> bool:
    return child[0].endswith("_total")


def without(reset: set[Child], then: Moment, table: SeriesTable) -> Moment:
    """`then` in the order of `table`, with 0 for the histograms that were reset since."""
    values = aligned(then, table).copy()
    values[[row for row, line in enumerate(table.lines) if _child_of(line) in reset]] = 0.0
    return Moment(then.time, table, values)


def _child_of(line: Line) -> Child:
    """What is reset as a whole: all lines of a histogram's child."""
    name = line.name
    for end in _OF_HISTOGRAMS:
        name = name.removesuffix(end)
    return name, tuple(pair for pair in line.labels if pair[0] != "le")
