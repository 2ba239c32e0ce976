"""Makes metric files as workers leave them, and changes their values as traffic does."""

import random
from pathlib import Path

from prometheus_client.mmap_dict import mmap_key
from prometheus_client.utils import floatToGoString

from monitoring.conf import DEFAULT_LATENCY_BUCKETS
from monitoring.metrics import names
from monitoring.storage.slot_file import SlotFile, open_slot_file

_BOUNDS = tuple(map(floatToGoString, (*DEFAULT_LATENCY_BUCKETS, float("inf"))))
_STATUSES = ("200", "302", "404", "500")
_HELP = "As the middleware's families have it."


class Workers:
    """The files of some workers, each with `lines` series: counters and a histogram by route."""

    def __init__(self, directory: Path, workers: int, lines: int) -> None:
        self._chance = random.Random(1)
        self._files: list[SlotFile] = []
        for number in range(workers):
            counters = open_slot_file(directory / f"counter_web-{number}.db")
            histograms = open_slot_file(directory / f"histogram_web-{number}.db")
            self._fill(counters, histograms, lines)
            self._files += [counters, histograms]

    def work(self, share: float) -> None:
        """Change this share of the values in every file."""
        for file in self._files:
            indices = list(file._positions.values())
            assert file.cells is not None
            for index in self._chance.sample(indices, max(1, int(share * len(indices)))):
                file.cells[index] += 1

    def _fill(self, counters: SlotFile, histograms: SlotFile, lines: int) -> None:
        per_route = len(_STATUSES) + len(_BOUNDS) + 1
        for route in range(-(-lines // per_route)):
            labels = ["GET", f"/shop/section-{route}/<int:pk>/"]
            label_names = ["method", "route"]
            for status in _STATUSES:
                family = names.family_of(names.HTTP_REQUESTS)
                counters.append(
                    mmap_key(
                        family,
                        names.HTTP_REQUESTS,
                        [*label_names, "status"],
                        [*labels, status],
                        _HELP,
                    )
                )
            duration = names.HTTP_REQUEST_DURATION_SECONDS
            for bound in _BOUNDS:
                histograms.append(
                    mmap_key(
                        duration.family,
                        duration.bucket,
                        [*label_names, "le"],
                        [*labels, bound],
                        _HELP,
                    )
                )
            histograms.append(mmap_key(duration.family, duration.sum, label_names, labels, _HELP))
