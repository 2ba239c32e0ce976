"""What is looked at all the time: scrapes of the exporter and of a worker, and health."""

import http.client
import threading
import time
from collections.abc import Callable

from tests.chaos.stack import Stack, overlaps
from tests.servers.exposition import Series, went_down


class Watcher(threading.Thread):
    """Looks every `interval` seconds until it is stopped; `wrong` is what must not be seen."""

    interval = 0.4

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._stop_asked = threading.Event()
        self.looks = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self._stop_asked.wait(self.interval):
            started = time.monotonic()
            try:
                self._look(started)
                self.looks += 1
            except (OSError, http.client.HTTPException) as error:
                if not overlaps(started, time.monotonic(), self._excuses()):
                    self._stack.tell_threads()
                    self.wrong.append(f"{self.name}: {error!r} after {_seconds(started)}")
            except Exception as error:
                self.wrong.append(f"{self.name}: {error!r}")

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(60)

    def _look(self, started: float) -> None:
        raise NotImplementedError

    def _excuses(self) -> list[list[float]]:
        """When it may get no answer."""
        raise NotImplementedError


class ScrapeWatcher(Watcher):
    """No scrape is refused, and nothing cumulative goes down."""

    def __init__(
        self,
        stack: Stack,
        name: str,
        scrape: Callable[[], dict[Series, float]],
        excuses: Callable[[], list[list[float]]],
    ) -> None:
        super().__init__(stack)
        self.name = name
        self._scrape = scrape
        self._excuses = excuses  # type: ignore[method-assign]
        self._last: dict[Series, float] = {}

    def _look(self, started: float) -> None:
        samples = {
            series: value
            for series, value in self._scrape().items()
            # Of the processes themselves: a slot's next owner begins at 0.
            if not series[0].startswith(("process_", "chaos_"))
        }
        if overlaps(started, time.monotonic(), self._stack.deletions):
            self._last = {}
            return
        self.wrong += [f"{self.name}: {what}" for what in went_down(self._last, samples)]
        self._last = samples


# A late result and the next one: the check's time limit, and as long as a result is shared.
_LATE_SECONDS = 4.0 + 1.5 + 1.0


class HealthWatcher(Watcher):
    """While nothing is done to the database and to Redis, health says that they are well.

    A check that the machine keeps from the processor for longer than its time limit is late: that
    is true, and passes with the next one.
    """

    name = "health"
    interval = 1.0
    _ill_since = float("inf")

    def _look(self, started: float) -> None:
        found = self._stack.health()
        if overlaps(started, time.monotonic(), self._stack.troubles, after=4.0):
            self._ill_since = float("inf")
            return
        ill = {name: found[name] for name in ("database", "redis") if found[name] != "healthy"}
        # From the first answer on: a worker that boots on a busy machine may give that late, too.
        self._ill_since = min(self._ill_since, time.monotonic()) if ill else float("inf")
        if time.monotonic() - self._ill_since > _LATE_SECONDS:
            self._stack.tell_threads()
            self.wrong.append(f"health: {ill} though nothing was done, after {_seconds(started)}")

    def _excuses(self) -> list[list[float]]:
        return self._stack.cuts


def _seconds(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
