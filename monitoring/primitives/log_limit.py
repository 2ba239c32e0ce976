"""Limits a repeated log message to once a minute."""

import threading
import time

from monitoring.primitives.per_process import per_process


@per_process
def _lock() -> "threading.RLock":
    # Reentrant: a finaliser or a signal handler may log while the same thread holds the lock.
    return threading.RLock()


class LogLimit:
    """Decides whether a message about `key` may be logged now: once in `seconds`.

    Safe in threads and after forks (a child keeps its parent's times). Keys are never forgotten, so
    they must come from a closed set.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds
        self._after: dict[str, float] = {}  # monotonic seconds

    def passes(self, key: str = "") -> bool:
        """True for the first call; then False until `seconds` have passed."""
        now = time.monotonic()
        with _lock():
            if now < self._after.get(key, float("-inf")):
                return False
            self._after[key] = now + self._seconds
            return True

    def forget(self, key: str = "") -> None:
        """Let the next message about `key` pass at once."""
        with _lock():
            self._after.pop(key, None)
