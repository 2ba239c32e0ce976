"""The lock of a process that shares its slot among threads, held during every fork as well.

A process has it once `make_process_lock` is called, which the value class does when it is imported.
gunicorn's master has one thread and never calls it: a gevent worker, which patches locks only after
it is forked, would inherit a lock that its greenlets cannot wait for.
"""

import contextlib
import threading
from typing import TYPE_CHECKING

from monitoring.primitives.lock_files import make_guard
from monitoring.primitives.platform.forks import at_fork

if TYPE_CHECKING:
    from threading import RLock

_no_lock = contextlib.nullcontext()
_lock: "RLock | None" = None


def make_process_lock() -> "RLock":
    """The lock, made by the first call. From then on a fork waits for it.

    So a child never starts with a half-done write, nor with a copy of a descriptor in mid-use: a
    stray copy of a slot's lock would keep that slot taken for the child's life.
    """
    global _lock  # noqa: PLW0603
    if _lock is None:
        # First, because a fork takes the locks in the reverse order: this one before the guard, as
        # who opens a slot's lock file does.
        make_guard()
        _lock = threading.RLock()
        at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
    return _lock


def process_lock() -> contextlib.AbstractContextManager[object]:
    """The lock to hold, if this process has one."""
    return _lock or _no_lock
