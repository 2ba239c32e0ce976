"""Opens files and locks them.

The kernel frees a lock when the last copy of its descriptor is closed, however the process dies. A
forked child inherits copies, whoever forks it and when. So this module knows every open one and
closes it in the child. Nobody calls LOCK_UN there, because that would free the parent's lock.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring.primitives.platform import files, locks
from monitoring.primitives.platform.forks import at_fork, in_each_child
from monitoring.primitives.platform.retry import retry
from monitoring.primitives.small_files import CREATE, READ, WRITE, open_owned

if TYPE_CHECKING:
    from threading import RLock

_POLL_SECONDS = 0.001


_open: dict[int, tuple[int, int]] = {}  # descriptors of this process, by device and inode
_no_guard = contextlib.nullcontext()
_guard: "RLock | None" = None


def make_guard() -> None:
    """From now on a fork waits while another thread opens or closes a descriptor.

    gunicorn's master has one thread and never calls it: a gevent worker, which patches locks after
    it is forked, would inherit a lock that its greenlets cannot wait for.
    """
    global _guard  # noqa: PLW0603
    if _guard is None:
        _guard = threading.RLock()
        at_fork(
            before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release
        )


def open_lock(path: Path, *, create: bool = True) -> int:
    """Open the lock file without locking it; close it by `close_lock`. Raises OSError.

    The descriptor is closed in every forked child.
    """
    return _opened(lambda: open_owned(path, CREATE if create else WRITE))


def close_lock(descriptor: int) -> None:
    """Close the descriptor; in a forked child, which has no copy of it any more, do nothing."""
    with _guard or _no_guard:
        if _open.pop(descriptor, None) is not None:
            locks.close(descriptor)


def _opened(opening: Callable[[], int]) -> int:
    with _guard or _no_guard:
        descriptor = opening()
        status = os.fstat(descriptor)
        _open[descriptor] = status.st_dev, status.st_ino
        return descriptor


def _close_in_child() -> None:
    for descriptor, file in _open.items():
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            # Not what took the number of a descriptor that somebody else closed.
            if (status.st_dev, status.st_ino) == file:
                os.close(descriptor)
    _open.clear()


in_each_child(_close_in_child)  # before the guard's release


def lock_now(descriptor: int) -> bool:
    """Whether the lock is this descriptor's now; False while another one holds it.

    Callers keep the descriptor in a `try` that closes it: a signal handler may raise at any moment,
    and a lost descriptor would hold the lock until the process ends.
    """
    try:
        locks.lock_now(descriptor)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether a live process holds the lock. Raises OSError if the file cannot be opened."""
    descriptor = _opened(lambda: os.open(path, READ))
    try:
        locks.share_now(descriptor)
    except BlockingIOError:
        return True
    finally:
        close_lock(descriptor)
    return False


@contextlib.contextmanager
def locked(
    path: Path, seconds: float | None = None, *, mode: int = 0o600, owned: bool = True
) -> Iterator[int]:
    """Open the file, create it if needed, and hold its lock for as long as the block runs.

    `seconds` limits the wait for the lock, because its holder may be suspended; None waits for
    ever. `owned` gives a file that root creates to the directory's owner; without it the file may
    be a link that an administrator has set up. Raises BlockingIOError after `seconds`, and
    OSError if the file cannot be used.
    """
    if owned:
        descriptor = _opened(lambda: open_owned(path, mode=mode))
    else:
        descriptor = _opened(lambda: os.open(path, CREATE & ~files.NO_FOLLOW, mode))
    try:
        _wait_for(descriptor, seconds)
        yield descriptor
    finally:
        close_lock(descriptor)


def _wait_for(descriptor: int, seconds: float | None) -> None:
    if seconds is None:
        locks.lock(descriptor)
        return
    retry(partial(locks.lock_now, descriptor), BlockingIOError, seconds)
