"""Lines and moments made by hand."""

import numpy as np

from monitoring.figures.moments import Moment, SeriesTable
from monitoring.merging.layout import Line


def line(name: str, **labels: str) -> Line:
    return Line(name, tuple(sorted(labels.items())))


def table(*names: str) -> SeriesTable:
    return SeriesTable(tuple(Line(name, ()) for name in names))


def moment(time: float, series: SeriesTable, *values: float) -> Moment:
    return Moment(time, series, np.array(values, np.float64))
