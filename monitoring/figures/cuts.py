"""Cuts a window of this host at the snapshots of a ring, at the steps of a chart."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from monitoring.figures.intervals import step_for
from monitoring.figures.moments import Moment
from monitoring.figures.snapshots import COARSE_SECONDS, FINE_SECONDS, FINE_SPAN, Snapshots
from monitoring.figures.window import Window

Counted = TypeVar("Counted")


@dataclass(frozen=True, slots=True)
class Cut(Generic[Counted]):
    """What was counted in a window that ends `now`, and in its parts.

    Times are in seconds since boot; a part has its begin, its end and what was counted.
    """

    now: float
    covered_seconds: float | None
    step_seconds: float
    whole: Counted
    parts: Sequence[tuple[float, float, Counted]]


def cut(
    snapshots: Snapshots,
    window: Window,
    now: Moment,
    counted: Callable[[Moment, Moment], Counted],
) -> Cut[Counted]:
    """`counted` gets two moments with the series of `now`, or none where all counters began.

    Few moments are in memory at one time: those of many endpoints are large.
    """
    then, covered = snapshots.begin_of(window.seconds, now, now.table)
    seconds = now.time - then.time if window.seconds is None else window.seconds
    # Beyond the fine snapshots, equal steps matter more than many points.
    step = step_for(seconds, FINE_SECONDS if seconds < FINE_SPAN else COARSE_SECONDS)
    moments = (m for m in snapshots.spread(then.time, step, now.table) if m.time < now.time)
    return Cut(
        now.time,
        covered,
        step,
        counted(then, now),
        [
            (early.time, late.time, counted(early, late))
            for early, late in _pairs(moments, now, step / 2)
        ],
    )


def _pairs(moments: Iterable[Moment], now: Moment, least: float) -> Iterator[tuple[Moment, Moment]]:
    """Neighbours up to now.

    A very short last interval would have extreme rates: it is merged with the one before.
    """
    early: Moment | None = None
    late: Moment | None = None
    for moment in moments:
        if early is not None and late is not None:
            yield early, late
        early, late = late, moment
    if late is None:
        return
    if early is not None and now.time - late.time < least:
        yield early, now
        return
    if early is not None:
        yield early, late
    yield late, now
