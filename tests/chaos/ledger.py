"""What was done against what is counted, exactly: the load rests while it is read."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.chaos.slot_counts import TASKS, Labels, SlotCounts, counts_by_slot, owners
from tests.chaos.task_load import TaskLoad
from tests.chaos.tasks import TICK
from tests.load.client import Load
from tests.servers.exporter import Exporter
from tests.servers.exposition import requests_by_series

_SETTLE_SECONDS = 2.0


class Ledger:
    """answered <= counted + lost + dropped, counted + lost <= sent: for each method, route, status.

    At rest, what was sent and not answered was cut off, and may be counted or not. `lost` is what
    dead slots had counted when their files were deleted: that is gone, as documented. `dropped` is
    what is missing because there was no place to write it.
    """

    def __init__(self, load: Load, tasks: TaskLoad, exporter: Exporter, directory: Path) -> None:
        self._load = load
        self._tasks = tasks
        self._exporter = exporter
        self._directory = directory
        self._started = time.monotonic()
        self._added_up = Look(self.seconds(), Counter(), {}, {})
        self.lost: Counter[Labels] = Counter()
        self.dropped: Counter[Labels] = Counter()

    def seconds(self) -> float:
        """Since the site was put under load: the time that steps and faults tell."""
        return time.monotonic() - self._started

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nothing is sent; what was sent has its answer or will never have one, and is counted.

        The client may see the end of a stream before the server counts it, which has its time here.
        """
        with self._load.at_rest(), self._tasks.at_rest():
            deadline = time.monotonic() + _SETTLE_SECONDS
            while self._missing_now() and time.monotonic() < deadline:
                time.sleep(0.2)
            yield

    def wait_until_it_adds_up(self, seconds: float) -> None:
        """Raises AssertionError with what does not, and where, after `seconds` under load.

        Between two looks the site works: processes look after their files while they are active.
        """
        deadline = time.monotonic() + seconds
        while True:
            with self.at_rest():
                faults = self._faults()
                look = self._look()
            if not faults:
                self._added_up = look
                return
            assert time.monotonic() < deadline, self._told(faults, look)
            time.sleep(0.5)

    def missing(self) -> Counter[Labels]:
        """What was answered and is neither counted nor known to be lost or dropped."""
        with self.at_rest():
            return self._missing_now()

    def answered(self) -> Counter[Labels]:
        """Requests that were answered and tasks that began, up to now."""
        return self._load.so_far().answered + Counter({TASKS: self._tasks.begun()})

    def counted(self) -> Counter[Labels]:
        samples = self._exporter.scrape()
        tasks = samples.get(("celery_tasks_started_total", (("task", TICK),)), 0.0)
        by_labels: Mapping[Labels, float] = {**requests_by_series(samples), TASKS: tasks}
        return Counter({labels: int(count) for labels, count in by_labels.items()})

    def _faults(self) -> Counter[Labels]:
        """How many too few (or, negative, too many) are counted.

        A task may begin even now: those answered are read first, and those sent last.
        """
        answered = self.answered()
        counted = self.counted()
        sent = self._sent()
        faults: Counter[Labels] = Counter()
        for labels in counted.keys() | answered.keys():
            found = counted[labels] + self.lost[labels]
            if found < (least := answered[labels] - self.dropped[labels]):
                faults[labels] = least - found
            elif found > sent[labels]:
                faults[labels] = sent[labels] - found
        return faults

    def _missing_now(self) -> Counter[Labels]:
        missing = self.answered()
        missing.subtract(self.counted())
        missing.subtract(self.lost)
        missing.subtract(self.dropped)
        return +missing

    def _sent(self) -> Counter[Labels]:
        """Requests that were sent; tasks that began, or were killed before they left a mark."""
        begun = self._tasks.begun() + self._tasks.interrupted()
        return self._load.so_far().sent + Counter({TASKS: begun})

    def _look(self) -> "Look":
        return Look(
            self.seconds(),
            self._load.so_far().by_process,
            counts_by_slot(self._directory),
            owners(self._directory),
        )

    def _told(self, faults: Counter[Labels], look: "Look") -> str:
        """Which figures, between which looks, and in which slots they differ."""
        answered, counted, sent = self.answered(), self.counted(), self._sent()
        lines = [
            f"at {look.seconds:.1f} s; it added up at {self._added_up.seconds:.1f} s",
            *(
                f"{labels}: {count:+d} missing: answered {answered[labels]}, sent {sent[labels]},"
                f" counted {counted[labels]}, lost {self.lost[labels]},"
                f" dropped {self.dropped[labels]}"
                for labels, count in sorted(faults.items())
            ),
            *look.by_slot(self._added_up, faults),
        ]
        return "\n".join(lines)


class Look:
    """What each process had answered, and each slot counted, at a time."""

    def __init__(
        self,
        seconds: float,
        answered: Counter[tuple[int, Labels]],
        counted: SlotCounts,
        pids: Mapping[int, str],
    ) -> None:
        self.seconds = seconds
        self._answered = answered
        self._counted = counted
        self._pids = pids

    def by_slot(self, before: "Look", faults: Counter[Labels]) -> Iterator[str]:
        """What was answered and counted since `before`, for each slot that had a part in it."""
        slots = {**before._pids, **self._pids}
        answered = self._answered.copy()
        answered.subtract(before._answered)
        for labels in sorted(faults):
            for slot in sorted({*slots.values(), *self._counted, *before._counted, "no slot"}):
                by_pid = {
                    pid: count
                    for (pid, its), count in answered.items()
                    if its == labels and count and slots.get(pid, "no slot") == slot
                }
                was, now = (look._counted.get(slot, Counter())[labels] for look in (before, self))
                if by_pid or was != now:
                    pids = ", ".join(f"{count} by pid {pid}" for pid, count in by_pid.items())
                    yield f"{labels} {slot}: answered since {pids or 0}; counted {was} -> {now}"
