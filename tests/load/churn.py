"""Load and scrapes while workers come and go, and what must hold all the while."""

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Iterator

from tests.load.client import Load, Result
from tests.servers.exposition import Series, requests_by_series, went_down
from tests.servers.gunicorn import Gunicorn
from tests.servers.ports import wait_for

KINDS_OF_FILES = 3  # counter, histogram, gauge_livesum


class Watcher:
    """Scrapes all the time, and keeps what must never be seen."""

    def __init__(self, server: Gunicorn) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.scrapes = 0
        self.unanswered = 0
        self.wrong: list[str] = []

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _watch(self) -> None:
        last: dict[Series, float] = {}
        while not self._stop.wait(0.02):
            try:
                samples = self._server.scrape()
            except (
                OSError,
                http.client.HTTPException,
            ):
                self.unanswered += 1  # the worker that had this scrape was killed
                continue
            except Exception as error:
                self.wrong.append(repr(error))
                continue
            self.wrong += went_down(last, samples)
            last = samples
            self.scrapes += 1


def assert_nothing_lost(server: Gunicorn, result: Result) -> None:
    """answered <= counted <= answered + unanswered, for each series."""
    assert result.surprises == []
    counted = requests_by_series(server.scrape())
    for labels in counted.keys() | result.answered.keys():
        answered = result.answered[labels]
        assert answered <= counted.get(labels, 0) <= answered + result.failed[labels], labels


@contextlib.contextmanager
def under_load(server: Gunicorn, count: int) -> Iterator[Load]:
    """Requests, and scrapes all the while: as many as it takes, however slow the machine is."""
    with Watcher(server) as watcher:
        load = Load(server.address).start(count)
        try:
            yield load
        finally:
            load.finish()
        wait_for("scrapes during and after the churn", lambda: watcher.scrapes > 10)
    assert watcher.wrong == []


def kill_workers(server: Gunicorn, chance: random.Random, count: int, pause: float) -> None:
    """Kill so many workers, whichever `chance` picks, one each `pause` seconds."""
    for _ in range(count):
        time.sleep(pause)
        workers = server.workers()
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)


def reload(server: Gunicorn) -> None:
    before = set(server.workers())
    server.signal(signal.SIGHUP)
    wait_for("new workers", lambda: len(set(server.workers()) - before) == 4)
    wait_for("old workers gone", lambda: not before & set(server.workers()))
