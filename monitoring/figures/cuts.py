"""Cuts a window of this host at the snapshots of a ring, at the steps of a chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.figures.intervals import step_for
from monitoring.figures.moments import Moment
from monitoring.figures.snapshots import COARSE_SECONDS, FINE_SECONDS, FINE_SPAN, Snapshots
from monitoring.figures.window import Window


@dataclass(frozen=True, slots=True)
class Cut:
    """A window from `then` to the last of `moments`, which is now."""

    then: Moment
    covered_seconds: float | None
    step_seconds: float
    moments: Sequence[Moment]


def cut(snapshots: Snapshots, window: Window, now: Moment) -> Cut:
    """The moments have the series of `now`, but one at which all counters began at 0 has none."""
    then, covered = snapshots.begin_of(window.seconds, now, now.table)
    seconds = now.time - then.time if window.seconds is None else window.seconds
    # Beyond the fine snapshots, equal steps matter more than many points.
    step = step_for(seconds, FINE_SECONDS if seconds < FINE_SPAN else COARSE_SECONDS)
    moments = [m for m in snapshots.spread(then.time, step, now.table) if m.time < now.time]
    # A very short last interval would have extreme rates: it is merged with the one before.
    if len(moments) > 1 and now.time - moments[-1].time < step / 2:
        moments.pop()
    return Cut(then, covered, step, [*moments, now])
