"""Monitoring's own counters: what could not be recorded, and damaged files.

They are kept in memory until they have a cell in a file.
"""

from collections.abc import Callable

from monitoring.storage.format import metric_key
from monitoring.storage.slot_file import SlotFile

PREFIX = "counter"

# Values of the label `reason`.
DROP_NO_SPACE = "no_space"
DROP_NO_SLOT = "no_slot"
DROP_UNUSABLE_DIRECTORY = "directory"
DROP_REENTERED = "reentered"
DROP_MAX_ROUTES = "max_routes"
DROP_INTERNAL_ERROR = "internal_error"
DROP_QUERY_LOG = "query_log"
DROP_MIGRATIONS = "migrations"
DROP_SLOW_REQUESTS = "slow_requests"
DROP_REASONS = (
    DROP_NO_SPACE,
    DROP_NO_SLOT,
    DROP_UNUSABLE_DIRECTORY,
    DROP_REENTERED,
    DROP_MAX_ROUTES,
    DROP_INTERNAL_ERROR,
    DROP_QUERY_LOG,
    DROP_MIGRATIONS,
    DROP_SLOW_REQUESTS,
)

DROPPED_NAME = "monitoring_dropped"
DROPPED_HELP = "Writes and label values that could not be recorded, by reason."
CORRUPT_NAME = "monitoring_corrupt_files"
CORRUPT_HELP = "Damaged metric files found, once per process that found one."

Locate = Callable[[str, str], tuple[SlotFile, int] | None]  # (prefix, key) to a cell


class OwnCounters:
    """Counts drops by reason, and corrupt files. The caller holds `process_lock`."""

    def __init__(self) -> None:
        self._keys = {
            reason: metric_key(
                DROPPED_NAME, f"{DROPPED_NAME}_total", ["reason"], [reason], DROPPED_HELP
            )
            for reason in DROP_REASONS
        }
        self._keys[CORRUPT_NAME] = metric_key(
            CORRUPT_NAME, f"{CORRUPT_NAME}_total", [], [], CORRUPT_HELP
        )
        self._places: dict[str, tuple[SlotFile, int]] = {}
        self._unwritten: dict[str, int] = {}

    def add(self, what: str, count: int = 1) -> None:
        """Count a drop reason or CORRUPT_NAME."""
        place = self._places.get(what)
        if place is not None and place[0].cells is not None:
            place[0].cells[place[1]] += count
        else:
            self._unwritten[what] = self._unwritten.get(what, 0) + count

    def settle(self, locate: Locate) -> None:
        """Find the missing cells, and write the counts that waited for them."""
        known = [file for file, _ in self._places.values() if file.cells is not None]
        if len(known) == len(self._keys) and not self._unwritten:
            return
        for what, key in self._keys.items():
            place = self._places.get(what)
            if place is None or place[0].cells is None:  # the file was replaced
                place = locate(PREFIX, key)
                if place is not None:
                    self._places[what] = place
        for what in list(self._unwritten):
            place = self._places.get(what)
            if place is not None and place[0].cells is not None:
                # One step, between which no signal handler runs.
                place[0].cells[place[1]] += self._unwritten[what]
                del self._unwritten[what]

    def forget_places(self) -> None:
        """Forget the cells, because the process gives its slot back."""
        self._places.clear()

    def forget(self) -> None:
        """In a forked child: forget counts that the parent will write itself."""
        self.forget_places()
        self._unwritten.clear()
