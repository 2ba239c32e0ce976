"""What must hold after each step: nothing missing, nothing grown, all well."""

from collections import Counter
from pathlib import Path

from tests.chaos.stack import WORKERS, Stack, overlaps

# Slots of workers: those of a reload or an upgrade overlap, and a successor may be there before a
# kill is seen.
_MOST_WEB_SLOTS = 2 * WORKERS + 4
# Each role's slots at most: web, celery, and a few of a kind (master, manage, beat).
_MOST_SLOTS = _MOST_WEB_SLOTS + 12
_FILES_OF_A_SLOT = 8
_GROWTH_MIB = 40.0  # of a process, over the largest after the start


class Invariants:
    """Compares the site with what it was at the start."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._first_mib = self._largest_mib()

    def check(self) -> None:
        """Raises AssertionError with what does not hold."""
        stack = self._stack
        stack.wait_for_workers()
        stack.ledger.wait_until_it_adds_up(10)
        self._check_load()
        stack.wait_for_health(status="healthy", celery="healthy")
        self._check_files()
        largest = self._largest_mib()
        assert largest <= self._first_mib + _GROWTH_MIB, f"a process has {largest:.0f} MiB"

    def _check_load(self) -> None:
        errors = list(self._stack.server_errors())
        assert errors == [], "\n".join(errors)
        result = self._stack.load.so_far()
        assert result.surprises == [], "answered otherwise than the view does"
        unexcused = [
            what
            for started, ended, what in result.failures
            if not overlaps(started, ended, self._stack.cuts)
        ]
        assert unexcused == [], "requests failed though no process was ended"

    def _check_files(self) -> None:
        names = [path.name for path in self._stack.directory.iterdir()]
        web_slots = [name for name in names if name.startswith("web-") and name.endswith(".lock")]
        slots = [name for name in names if name.endswith(".lock")]
        assert len(web_slots) <= _MOST_WEB_SLOTS, sorted(web_slots)
        assert len(slots) <= _MOST_SLOTS, sorted(slots)
        kinds = Counter(name.rpartition("_")[2].partition(".")[0] for name in names if "_" in name)
        most = max(kinds.values(), default=0)
        assert most <= _FILES_OF_A_SLOT, kinds.most_common(3)

    def _largest_mib(self) -> float:
        stack = self._stack
        pids = [
            stack.master,
            stack.exporter.process.pid,
            *stack.workers(),
            *stack.celery.children(),
        ]
        return max(_resident_mib(pid) for pid in pids)


def _resident_mib(pid: int) -> float:
    """0 for a process that has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / 2**20
