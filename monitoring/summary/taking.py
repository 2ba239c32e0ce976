"""One snapshot of the merged registry into the ring."""

import os
from functools import lru_cache
from pathlib import Path

from monitoring.storage.shared import shared_merger
from monitoring.summary import clock
from monitoring.summary.series import Extractor
from monitoring.summary.snapshots import Snapshots


def take_snapshot(directory: Path) -> None:
    """Merge and write. Raises OSError or SnapshotTooLargeError when it cannot be kept."""
    snapshots, extractor = _state(directory, os.getpid())
    snapshots.add(extractor.moment(shared_merger(directory).merge(), clock.now()))


@lru_cache(maxsize=2)
def _state(directory: Path, pid: int) -> tuple[Snapshots, Extractor]:
    return Snapshots(directory), Extractor()
