"""The beginning of a ring; for gunicorn's master as well, which must not import numpy."""

import json
from pathlib import Path

from monitoring.summary import ring_file
from monitoring.summary.clock import boot_id, now

RING_FILE = "snapshots.ring"


def start_record(time: float, *, counters_began: bool) -> bytes:
    """The first record: which boot its times belong to, and whether all counters were 0."""
    facts = {"boot": boot_id(), "counters_began": counters_began}
    return ring_file.encode(ring_file.START, 0, time, json.dumps(facts).encode())


def start_afresh(directory: Path, *, counters_began: bool) -> None:
    """Forget all snapshots: the counters have been wiped. Raises OSError."""
    record = start_record(now(), counters_began=counters_began)
    ring_file.replace(directory / RING_FILE, [record])
