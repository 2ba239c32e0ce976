"""A stand-in for Windows' msvcrt: a lock of bytes from the file's position on, by open file.

As there: it holds between the open files of one process too, a second lock of the same bytes is
refused even to its holder, and nobody reads a locked byte (here: it must lie behind the content).
Built on flock, because we lock one byte in each file.
"""

import errno
import fcntl
import os

LK_UNLCK, LK_LOCK, LK_NBLCK = 0, 1, 2

held: set[int] = set()  # descriptors; `platform_without` takes out the ones that are closed


def locking(fd: int, mode: int, nbytes: int, /) -> None:
    at = os.lseek(fd, 0, os.SEEK_CUR)
    if nbytes != 1 or at < os.fstat(fd).st_size:
        raise AssertionError(f"{nbytes} bytes from {at} are locked: others could not read them")
    if mode == LK_UNLCK:
        if fd not in held:
            raise PermissionError(errno.EACCES, "nothing is locked")
        fcntl.flock(fd, fcntl.LOCK_UN)
        held.discard(fd)
        return
    if mode != LK_NBLCK or fd in held:
        raise PermissionError(errno.EACCES, "it is locked")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "it is locked") from error
    held.add(fd)
