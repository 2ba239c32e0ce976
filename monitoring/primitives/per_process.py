"""One object for each process: a forked child makes its own, whatever its parent's was doing."""

import os
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

_KEPT = 4


def per_process(make: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
    """Remember what `make` gives, for each process and for its last four different arguments.

    A forked child never gets its parent's object, whose locks may be held and whose threads are
    missing. All threads of a process get the same one: of those that several make at one time the
    first is kept, so `make` must not start or open anything that the others would leave behind.
    It waits for nothing. Arguments must be hashable.
    """
    kept: dict[tuple[object, ...], T] = {}

    @wraps(make)
    def of_this_process(*args: *Ts) -> T:
        key = (os.getpid(), args)
        try:
            return kept[key]
        except KeyError:
            pass
        # Without a lock, which could be held by another thread at a fork.
        ours = kept.setdefault(key, make(*args))
        for oldest in list(kept)[:-_KEPT]:
            kept.pop(oldest, None)
        return ours

    return of_this_process
