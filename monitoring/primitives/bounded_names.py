"""A bounded set of label values, so that the number of series stays bounded."""

import threading
from typing import TypeVar

from monitoring.primitives.per_process import per_process

T = TypeVar("T")

# Reentrant: a finaliser may call `learn` while the same thread holds the lock.
_lock = per_process(threading.RLock)


class BoundedNames(dict[str, T]):
    """Maps at most `limit` names to values. Thread-safe; never forgets a name.

    It is a dict so that a look-up on the request path costs no more than a dict's: call
    `names.get(name)` first, and `names.learn(name, …)` for a name that is missing.
    """

    def __init__(self, limit: int, overflow: T) -> None:
        """`overflow` is the value of every further name once `limit` names are known."""
        super().__init__()
        self._limit = limit
        self._overflow = overflow

    def learn(self, name: str, value: T) -> T:
        """Add the name and return its value; without room, return `overflow` and add nothing."""
        if len(self) >= self._limit:  # without the lock: the usual case once it is full
            return self.get(name, self._overflow)
        with _lock():
            if len(self) >= self._limit:
                return self.get(name, self._overflow)
            return self.setdefault(name, value)
