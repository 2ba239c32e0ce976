"""Figures that a scrape never waits for: a thread asks for them."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from monitoring.storage.self_report import report_error

T = TypeVar("T")

_STALE_INTERVALS = 4


class Refreshed(Generic[T]):
    """What `ask` last gave; asked anew every `interval` seconds, in a thread of its own."""

    def __init__(self, name: str, ask: Callable[[], T], interval: float) -> None:
        self._name = name
        self._ask = ask
        self._interval = interval
        self._first = threading.Event()
        self._answer: tuple[float, T] | None = None
        self._thread: threading.Thread | None = None

    def get(self, wait: float = 0.0) -> T | None:
        """The last answer; None before the first one, and when the last one is too old.

        The very first call waits up to `wait` seconds for an answer.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
            self._first.wait(wait)
        answer = self._answer
        if answer is None or time.monotonic() > answer[0] + _STALE_INTERVALS * self._interval:
            return None
        return answer[1]

    def _work(self) -> None:
        while True:
            try:
                found = self._ask()
                self._answer = (time.monotonic(), found)
            except Exception:
                report_error(f"no figures for {self._name}")
            self._first.set()
            time.sleep(self._interval)
