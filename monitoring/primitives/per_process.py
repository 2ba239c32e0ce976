"""One object for each process: a forked child makes its own instead of its parent's."""

import os
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

_KEPT = 4


def per_process(make: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
    """Cache the result of `make` per process, for its last four different arguments (hashable).

    A forked child never gets its parent's object, whose locks may be held and whose threads do not
    exist in the child. All threads of a process get the same object. When several threads call
    `make` at the same time, the first result is kept and the others are discarded, so `make` must
    not open or start anything. It takes no lock.
    """
    kept: dict[tuple[object, ...], T] = {}

    @wraps(make)
    def of_this_process(*args: *Ts) -> T:
        key = (os.getpid(), args)
        try:
            return kept[key]
        except KeyError:
            pass
        # No lock: another thread could hold it at the moment of a fork.
        ours = kept.setdefault(key, make(*args))
        for oldest in list(kept)[:-_KEPT]:
            kept.pop(oldest, None)
        return ours

    return of_this_process
