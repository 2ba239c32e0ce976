"""What was sent and answered against what is counted, at any moment and over every disturbance."""

import fcntl
import json
import os
from collections import Counter
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from tests.load.client import Load
from tests.servers.exporter import Exporter
from tests.servers.exposition import requests_by_series

Labels = tuple[str, str, str]


class Ledger:
    """answered <= counted + lost <= sent, for each method, route and status, without a pause.

    A request is counted before its answer is complete, so this holds under load. `lost` is what
    dead slots had counted when their files were deleted: that is gone, as documented. `dropped` is
    what may be missing because there was no place to write it.
    """

    def __init__(self, load: Load, exporter: Exporter) -> None:
        self._load = load
        self._exporter = exporter
        self.lost: Counter[Labels] = Counter()
        self.dropped: Counter[Labels] = Counter()

    def faults(self) -> list[str]:
        """What does not add up now."""
        answered = self._load.so_far().answered
        counted = requests_by_series(self._exporter.scrape())
        sent = self._load.so_far().sent
        return [
            f"{labels}: answered {answered[labels]}, sent {sent[labels]}, counted"
            f" {counted.get(labels, 0)}, lost {self.lost[labels]}, dropped {self.dropped[labels]}"
            for labels in sorted(counted.keys() | answered.keys())
            if not answered[labels] - self.dropped[labels]
            <= counted.get(labels, 0) + self.lost[labels]
            <= sent[labels]
        ]

    def missing(self) -> Counter[Labels]:
        """What was answered and is not counted."""
        answered = self._load.so_far().answered
        counted = requests_by_series(self._exporter.scrape())
        return Counter(
            {
                labels: missing
                for labels, count in answered.items()
                if (missing := count - int(counted.get(labels, 0)) - self.lost[labels]) > 0
            }
        )

    def answered(self) -> Counter[Labels]:
        return self._load.so_far().answered


def counts_of_dead_slots(directory: Path) -> Counter[Labels]:
    """`http_requests_total` of the slots that no process holds."""
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
