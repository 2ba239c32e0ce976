"""Logging at most once a minute: a trouble that stays does not fill the log."""

import threading
import time

from monitoring.primitives.per_process import per_process

# Reentrant: a finaliser or a signal handler may log in the middle of it.
_lock = per_process(threading.RLock)


class LogLimit:
    """Says whether a line about `key` may be logged now: once in `seconds`, whoever asks.

    Safe in threads and after forks (a child goes on with its parent's times). Every key is
    remembered, so keys come from a closed set.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._after: dict[str, float] = {}  # monotonic seconds

    def passes(self, key: str = "") -> bool:
        """True for the first who asks; then False until the time is over."""
        now = time.monotonic()
        with _lock():
            if now < self._after.get(key, float("-inf")):
                return False
            self._after[key] = now + self._seconds
            return True

    def forget(self, key: str = "") -> None:
        """What comes next is news: it passes at once."""
        with _lock():
            self._after.pop(key, None)
