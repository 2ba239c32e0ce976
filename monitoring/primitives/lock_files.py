"""Files that are locked with flock: all lock files of a process are opened here.

The kernel frees a lock with the last copy of its descriptor, however its process dies. A forked
child has copies: whoever keeps a lock for longer than a moment closes them there (and never frees
with LOCK_UN, which would free the parent's).
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
    """A descriptor of the lock file, which is not locked yet. Raises OSError."""
    return open_owned(path, CREATE if create else WRITE)


def try_lock(path: Path, *, create: bool = True) -> int | None:
    """A descriptor that holds the lock while it is open; None while another one holds it.

    Raises OSError (FileNotFoundError without `create`). Whether the file is still in its directory
    is for the caller to see.
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
    """The file, made if need be, under its lock: for the moment that writing it takes.

    `seconds` is how long to wait for a holder, which may have been stopped; None waits for ever.
    `owned` gives what root makes to the directory's user. Raises BlockingIOError after the
    `seconds`, and OSError if the file cannot be used.
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
