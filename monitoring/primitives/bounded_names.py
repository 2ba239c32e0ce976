"""A bounded set of label values: whatever names come, the number of series stays bounded."""

import threading
from typing import TypeVar

from monitoring.primitives.per_process import per_process

T = TypeVar("T")

# Reentrant: a finaliser may count something in the middle of it.
_lock = per_process(threading.RLock)


class BoundedNames(dict[str, T]):
    """What stands for each name that was learnt: at most `limit` of them, in any number of threads.

    A dict, so that a request's look-up costs what a dict's costs: `names.get(name)` first, and
    `names.learn(name, …)` for a name that is not there. Nothing is ever forgotten.
    """

    def __init__(self, limit: int, overflow: T) -> None:
        """`overflow` stands for every name that comes when `limit` are known."""
        super().__init__()
        self._limit = limit
        self._overflow = overflow

    def learn(self, name: str, value: T) -> T:
        """What stands for the name from now on; `overflow`, not kept, if there is no room."""
        if len(self) >= self._limit:  # before the lock: all later names come here
            return self.get(name, self._overflow)
        with _lock():
            if len(self) >= self._limit:
                return self.get(name, self._overflow)
            return self.setdefault(name, value)
