"""One object for each process: a forked child makes its own, whatever its parent's was doing."""

import os
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def per_process(make: Callable[P, T]) -> Callable[P, T]:
    """Remember what `make` gives, for each process and for its last four different arguments.

    Locks may be held and threads are missing in a forked child, so it never gets its parent's
    object. Arguments must be hashable.
    """

    @lru_cache(maxsize=4)
    def made(pid: int, *args: P.args, **kwargs: P.kwargs) -> T:
        return make(*args, **kwargs)

    @wraps(make)
    def of_this_process(*args: P.args, **kwargs: P.kwargs) -> T:
        return made(os.getpid(), *args, **kwargs)  # type: ignore[arg-type]

    return of_this_process
