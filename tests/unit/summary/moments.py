"""Moments made by hand."""

import numpy as np

from monitoring.storage.layout import Line
from monitoring.summary.series import Moment, Table


def table(*names: str) -> Table:
    return Table(tuple(Line(name, ()) for name in names))


def moment(time: float, series: Table, *values: float) -> Moment:
    return Moment(time, series, np.array(values, np.float64))
