"""What the files of each slot count, read without the code that wrote them."""

import contextlib
import fcntl
import json
import os
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from tests.chaos.tasks import TICK

Labels = tuple[str, str, str]
SlotCounts = Mapping[str, Counter[Labels]]
TASKS: Labels = ("task", TICK, "started")


def counts_by_slot(directory: Path) -> SlotCounts:
    """Requests and tasks by slot; a file that is damaged or gone counts nothing."""
    found: dict[str, Counter[Labels]] = {}
    for file in directory.glob("counter_*.db"):
        with contextlib.suppress(OSError, ValueError, RuntimeError, struct.error):
            found[file.stem.removeprefix("counter_")] = counts_in(file)
    return found


def counts_of_dead_slots(directory: Path) -> Counter[Labels]:
    """Requests and tasks that only files of slots know which no process holds."""
    found: Counter[Labels] = Counter()
    for lock in directory.glob("*.lock"):
        file = directory / f"counter_{lock.stem}.db"
        if _is_free(lock) and file.exists():
            found += counts_in(file)
    return found


def counts_in(file: Path) -> Counter[Labels]:
    found: Counter[Labels] = Counter()
    for raw, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
        _, sample, labels, _ = json.loads(raw)
        if sample == "http_requests_total":
            found[labels["method"], labels["route"], labels["status"]] += int(value)
        if sample == "celery_tasks_started_total" and labels == {"task": TICK}:
            found[TASKS] += int(value)
    return found


def owners(directory: Path) -> dict[int, str]:
    """The slot of each pid, as the lock files say."""
    found = {}
    for lock in directory.glob("*.lock"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found[int(json.loads(lock.read_text())["pid"])] = lock.stem
    return found


def _is_free(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
