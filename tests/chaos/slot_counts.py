"""What the files of each slot count, read without the code that wrote them."""

import contextlib
import fcntl
import json
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
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


@contextlib.contextmanager
def dead_slots(directory: Path) -> Iterator[Counter[Labels]]:
    """Requests and tasks that only files of slots know which no process has, or gets meanwhile."""
    found: Counter[Labels] = Counter()
    with contextlib.ExitStack() as held:
        for file in directory.glob("counter_*.db"):
            lock = file.with_name(file.stem.removeprefix("counter_") + ".lock")
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                descriptor = os.open(lock, os.O_RDONLY)
                held.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                found += counts_in(file)
        yield found


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
