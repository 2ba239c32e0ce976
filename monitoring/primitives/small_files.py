"""Small files in a directory of another user: safe to open, bounded to read, replaced as a whole.

Root may write in another user's directory, so links are not followed, and opening a pipe does not
block. Child programs inherit no descriptor. Files that root creates belong to the directory's
owner.
"""

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from monitoring.primitives.per_process import per_process
from monitoring.primitives.platform import files, locks

READ = os.O_RDONLY | files.SAFELY
WRITE = os.O_RDWR | files.SAFELY  # an existing file
CREATE = WRITE | os.O_CREAT
DRAFT = CREATE | os.O_TRUNC


@per_process
def _lock() -> threading.Lock:
    """The threads of a process share one draft."""
    return threading.Lock()


def give_to_owner(descriptor: int, directory: Path) -> None:
    """If root created the file, give it to the directory's owner (such as gunicorn's `user`)."""
    if files.is_root():
        status = directory.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)


def open_owned(path: Path, flags: int = CREATE, mode: int = 0o600) -> int:
    """Open the file, and give it to the directory's owner. Raises OSError."""
    descriptor = os.open(path, flags, mode)
    try:
        give_to_owner(descriptor, path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_at(path: Path | str, descriptor: int) -> bool:
    """Whether the path still names the open file: it is neither deleted nor renamed.

    True as well if the path cannot be looked at: unknown is not gone.
    """
    try:
        there = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    here = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def read_bounded(path: Path, limit: int) -> bytes:
    """At most the first `limit` bytes. Raises OSError (FileNotFoundError if it is missing)."""
    descriptor = os.open(path, READ)
    try:
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def replace_whole(path: Path, data: bytes) -> None:
    """Replace the file by one with these bytes, at once: no reader ever sees a part of it.

    Each process writes its own draft first, so processes may do this at the same time; the last
    one wins. Raises OSError (a full disk, say): then the old file stays and the draft goes. The
    draft of a killed process goes with the next replacement by any process.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with _lock():
        _sweep(path)
        try:
            descriptor = _open_draft(draft)
            try:
                give_to_owner(descriptor, path.parent)
                write_all(descriptor, data, 0)
                if files.OPEN_FILES_MOVE:
                    draft.replace(path)
            finally:
                locks.close(descriptor)
            if not files.OPEN_FILES_MOVE:
                files.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def read_json(path: Path, limit: int) -> Any:
    """The content of a JSON file of at most `limit` bytes; None if it is missing or damaged."""
    try:
        return json.loads(read_bounded(path, limit))
    except (OSError, ValueError, RecursionError):
        return None


def write_json(path: Path, content: object) -> None:
    """Replace the file as `replace_whole` does. Raises OSError."""
    replace_whole(path, json.dumps(content).encode())


def write_all(descriptor: int, data: bytes, at: int) -> None:
    """Write all bytes at the offset `at`. Raises OSError, perhaps after a part is written."""
    view = memoryview(data)
    while view:
        written = files.write_at(descriptor, view, at)
        view, at = view[written:], at + written


def _open_draft(draft: Path) -> int:
    """A new file, locked as long as it is open: a draft without a lock has lost its process."""
    while True:
        draft.unlink(missing_ok=True)  # of a process with this pid, in another container say
        descriptor = os.open(draft, CREATE | os.O_EXCL, 0o600)
        try:
            locks.lock(descriptor)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            locks.close(descriptor)
            raise
        locks.close(descriptor)  # swept by another process before it was locked


def _sweep(path: Path) -> None:
    for draft in path.parent.glob(f"{path.name}*.tmp"):
        with contextlib.suppress(OSError):
            descriptor = os.open(draft, READ)
            try:
                locks.lock_now(descriptor)
                if files.OPEN_FILES_MOVE:
                    draft.unlink()
            finally:
                locks.close(descriptor)
            if not files.OPEN_FILES_MOVE:
                draft.unlink()
