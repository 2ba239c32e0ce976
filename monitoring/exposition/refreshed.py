"""Figures that a scrape never waits for: a thread asks for them."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from monitoring.primitives.deadline import NoThreadError
from monitoring.primitives.one_thread import Periodic, threads_run
from monitoring.primitives.per_process import per_process
from monitoring.storage.self_report import report_failure

T = TypeVar("T")

_STALE_INTERVALS = 4


class Refreshed(Generic[T]):
    """What `ask` last gave; asked anew every `interval` seconds, in a thread of its own."""

    def __init__(self, name: str, ask: Callable[[], T], interval: float) -> None:
        self._name = name
        self._ask = ask
        self._stale_after = _STALE_INTERVALS * interval
        self._asking = Periodic(name, self._renew, interval)
        self._first = per_process(threading.Event)
        self._answer: tuple[float, T] | None = None

    def get(self, wait: float = 0.0) -> T | None:
        """The last answer; None before the first one, and when the last one is too old.

        The call that starts the thread waits up to `wait` seconds for an answer. Without a thread,
        the next call tries again. None, too, in a process that runs no threads.
        """
        if not threads_run():  # the log has said so at the start
            return None
        try:
            if self._asking.ensure():
                self._first().wait(wait)
        except NoThreadError:
            report_failure(f"no thread asks for {self._name}")
        answer = self._answer
        if answer is None or time.monotonic() > answer[0] + self._stale_after:
            return None
        return answer[1]

    def _renew(self) -> None:
        try:
            found = self._ask()
            self._answer = (time.monotonic(), found)
        except Exception:
            report_failure(f"no figures for {self._name}")
        self._first().set()
