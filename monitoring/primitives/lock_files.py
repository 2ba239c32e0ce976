"""Opens files and locks them with flock.

The kernel frees a lock when the last copy of its descriptor is closed, however the process dies. A
forked child inherits copies. Code that keeps a lock closes them in the child, and never calls
LOCK_UN there, because that would free the parent's lock.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from monitoring.primitives.small_files import CREATE, READ, WRITE, open_owned

_POLL_SECONDS = 0.001


def open_lock(path: Path, *, create: bool = True) -> int:
    """Open the lock file without locking it. Raises OSError."""
    return open_owned(path, CREATE if create else WRITE)


def try_lock(path: Path, *, create: bool = True) -> int | None:
    """A descriptor that holds the lock while it is open; None if the lock is held elsewhere.

    Raises OSError (FileNotFoundError if the file is missing and `create` is false). The caller has
    to check that the file has not been deleted since.
    """
    descriptor = open_lock(path, create=create)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether a live process holds the lock. Raises OSError if the file cannot be opened."""
    descriptor = os.open(path, READ)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def locked(
    path: Path, seconds: float | None = None, *, mode: int = 0o600, owned: bool = True
) -> Iterator[int]:
    """Open the file, create it if needed, and hold its lock for as long as the block runs.

    `seconds` limits the wait for the lock, because its holder may be suspended; None waits for
    ever. `owned` gives a file that root creates to the directory's owner. Raises BlockingIOError
    after `seconds`, and OSError if the file cannot be used.
    """
    descriptor = open_owned(path, mode=mode) if owned else os.open(path, CREATE, mode)
    try:
        _wait_for(descriptor, seconds)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, seconds: float | None) -> None:
    if seconds is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
