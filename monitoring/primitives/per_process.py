"""One object for each process: a forked child makes its own, whatever its parent's was doing."""

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_KEPT = 4


def per_process(make: Callable[P, T]) -> Callable[P, T]:
    """Remember what `make` gives, for each process and for its last four different arguments.

    A forked child never gets its parent's object, whose locks may be held and whose threads are
    missing. All threads of a process get the same one: of those that several make at one time the
    first is kept, so `make` must not start or open anything that the others would leave behind.
    It waits for nothing. Arguments must be hashable.
    """
    kept: dict[tuple[object, ...], T] = {}

    @wraps(make)
    def of_this_process(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (os.getpid(), args, *kwargs.items())
        try:
            return kept[key]
        except KeyError:
            pass
        # Without a lock, which could be held by another thread at a fork.
        ours = kept.setdefault(key, make(*args, **kwargs))
        for oldest in list(kept)[:-_KEPT]:
            kept.pop(oldest, None)
        return ours

    return of_this_process
