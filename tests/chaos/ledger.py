"""What was done against what is counted, at any moment and over every disturbance."""

import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from tests.chaos.task_load import TaskLoad
from tests.chaos.tasks import TICK
from tests.load.client import Load
from tests.servers.exporter import Exporter
from tests.servers.exposition import Series, requests_by_series

Labels = tuple[str, str, str]
TASKS: Labels = ("task", TICK, "started")
_STARTED = "celery_tasks_started_total"
CHILDREN = 2  # of the Celery worker, each with a task at most


class Ledger:
    """answered <= counted + lost <= sent, for each method, route and status, without a pause.

    A request is counted before its answer is complete, and a task before it leaves its mark, so
    this holds under load. `lost` is what dead slots had counted when their files were deleted: that
    is gone, as documented. `dropped` is what may be missing because there was no place to write it.
    """

    def __init__(self, load: Load, tasks: TaskLoad, exporter: Exporter) -> None:
        self._load = load
        self._tasks = tasks
        self._exporter = exporter
        self.lost: Counter[Labels] = Counter()
        self.dropped: Counter[Labels] = Counter()

    def faults(self) -> list[str]:
        """What does not add up now."""
        answered = self.answered()
        counted = _counted(self._exporter.scrape())
        sent = self._sent()
        return [
            f"{labels}: answered {answered[labels]}, sent {sent[labels]}, counted"
            f" {counted[labels]}, lost {self.lost[labels]}, dropped {self.dropped[labels]}"
            for labels in sorted(counted.keys() | answered.keys())
            if not answered[labels] - self.dropped[labels]
            <= counted[labels] + self.lost[labels]
            <= sent[labels]
        ]

    def wait_until_it_adds_up(self, seconds: float) -> None:
        """Raises AssertionError with what does not."""
        deadline = time.monotonic() + seconds
        while faults := self.faults():
            assert time.monotonic() < deadline, "\n".join(faults)
            time.sleep(0.1)

    def missing(self) -> Counter[Labels]:
        """What was answered and is not counted, and stays so.

        The client may see the end of a stream before the server counts it: several looks tell that
        from what is never counted.
        """
        found = self._missing_now()
        for _ in range(4):
            if found:
                time.sleep(0.3)
                found &= self._missing_now()  # the smaller of each
        return found

    def _missing_now(self) -> Counter[Labels]:
        missing = self.answered()
        missing.subtract(_counted(self._exporter.scrape()))
        missing.subtract(self.lost)
        return +missing

    def answered(self) -> Counter[Labels]:
        """Requests that were answered and tasks that ran, up to now."""
        return self._load.so_far().answered + Counter({TASKS: self._tasks.ran()})

    def _sent(self) -> Counter[Labels]:
        """Requests that were sent; tasks that ran, run now, or were killed as they ran."""
        begun = self._tasks.ran() + CHILDREN + self._tasks.interrupted
        return self._load.so_far().sent + Counter({TASKS: begun})


def counts_of_dead_slots(directory: Path) -> Counter[Labels]:
    """Requests and tasks that only files of slots know which no process holds."""
    found: Counter[Labels] = Counter()
    for lock in directory.glob("*.lock"):
        if not _is_free(lock):
            continue
        file = directory / f"counter_{lock.stem}.db"
        if not file.exists():
            continue
        for raw, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
            _, sample, labels, _ = json.loads(raw)
            if sample == "http_requests_total":
                found[labels["method"], labels["route"], labels["status"]] += int(value)
            if sample == _STARTED and labels == {"task": TICK}:
                found[TASKS] += int(value)
    return found


def _counted(samples: Mapping[Series, float]) -> Counter[Labels]:
    tasks = samples.get((_STARTED, (("task", TICK),)), 0.0)
    by_labels = {**requests_by_series(samples), TASKS: tasks}
    return Counter({labels: int(count) for labels, count in by_labels.items()})


def _is_free(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
