"""Small files where another user may write too: opened safely, read bounded, replaced whole.

No link is followed (root may write here, in another user's directory), no pipe is waited for, and
no program that a process starts inherits a descriptor. What root makes belongs to the directory's
user.
"""

import contextlib
import os
import threading
import time
from pathlib import Path

from monitoring.primitives.per_process import per_process

_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
READ = os.O_RDONLY | _SAFELY
WRITE = os.O_RDWR | _SAFELY  # a file that is there
CREATE = WRITE | os.O_CREAT
DRAFT = CREATE | os.O_TRUNC

_STALE_SECONDS = 60.0  # a draft is written in milliseconds

_lock = per_process(threading.Lock)  # the threads of a process have one draft


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Let the user of the directory (gunicorn's `user`, say) read and continue root's files."""
    if os.geteuid() == 0:
        status = directory.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)


def open_owned(path: Path, flags: int = CREATE, mode: int = 0o600) -> int:
    """A descriptor of the file, given to the directory's user. Raises OSError."""
    descriptor = os.open(path, flags, mode)
    try:
        give_to_owner(descriptor, path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_bounded(path: Path, limit: int) -> bytes:
    """At most the first `limit` bytes. Raises OSError (FileNotFoundError if there is none)."""
    descriptor = os.open(path, READ)
    try:
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def replace_whole(path: Path, data: bytes) -> None:
    """Put a file with these bytes in the place of the old one, at once: nobody reads half of it.

    Processes that do so at one time do not meet: each has a draft of its own, and the last one
    stays. Raises OSError (a full disk, say): the old file stays, and no draft. A draft that a
    killed process left goes with the next replacement that finds it a minute old.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with _lock():
        _sweep(path)
        descriptor = os.open(draft, DRAFT, 0o600)
        try:
            try:
                give_to_owner(descriptor, path.parent)
                write_all(descriptor, data, 0)
            finally:
                os.close(descriptor)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def write_all(descriptor: int, data: bytes, at: int) -> None:
    """Write all of it at this offset. Raises OSError, perhaps after a part of it."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written


def _sweep(path: Path) -> None:
    for draft in path.parent.glob(f"{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            # By age: a pid means nothing to a container with another set of them.
            if draft.lstat().st_mtime < time.time() - _STALE_SECONDS:
                draft.unlink()
