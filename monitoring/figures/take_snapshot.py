"""Takes one snapshot of all that windows need: the counters, and the fine counts of routes."""

from pathlib import Path

from monitoring.figures.fine_windows import fine_windows
from monitoring.figures.moments import Extractor
from monitoring.figures.snapshots import Snapshots
from monitoring.merging.merge import shared_merger
from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform import boot_clock


def take_snapshot(directory: Path) -> None:
    """Read the directory and keep a snapshot. Raises OSError and SnapshotTooLargeError."""
    snapshots, extractor = _state(directory)
    merged = shared_merger(directory).merge()
    moment = extractor.moment(merged, boot_clock.now())
    try:  # first, because it reads more of the same moment
        fine_windows(directory).take(merged)
    finally:
        snapshots.add(moment)


@per_process
def _state(directory: Path) -> tuple[Snapshots, Extractor]:
    return Snapshots(directory), Extractor()
