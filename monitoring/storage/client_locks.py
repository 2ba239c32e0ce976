"""Gives prometheus-client's metrics and registries locks that a fork and a re-entry survive.

A metric with labels holds its lock while it makes a series, a registry while it takes in a metric.
A child that another thread forks at that moment would wait for ever: it has no thread that could
release its copy. And a finaliser that counts something while its own thread makes a series of the
same metric would wait for itself. What the locks protect is whole at every moment of a fork, which
has the interpreter's lock: dictionaries to which complete objects are added.
"""

import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from monitoring.primitives.platform.forks import in_each_child
from monitoring.storage import client_internals

if TYPE_CHECKING:
    from threading import RLock

_locks: "WeakSet[RLock]" = WeakSet()


def install() -> None:
    """Every metric and registry made from now on, and the default registry, get such a lock."""
    client_internals.use_locks(_make, _locks.__contains__)


def _make() -> "RLock":
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_in_child() -> None:
    for lock in list(_locks):
        if lock.acquire(blocking=False):  # it is free, or of the thread that forked
            lock.release()
        else:
            lock._at_fork_reinit()  # type: ignore[attr-defined]  # as the standard library does


in_each_child(_free_in_child)
