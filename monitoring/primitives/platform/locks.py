"""Locks of open files that end with their process: flock, or msvcrt's lock of one byte on Windows.

msvcrt has no shared lock, so there one that shares is alone as well. Of two that ask at one moment
whether a lock is held, each may see the other's question: "held" is the answer that costs nothing.
"""

import contextlib
import math
import os
from functools import partial

from monitoring.primitives.platform.retry import retry

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    CAN_SHARE = False
    # Windows keeps others from reading a locked byte, so it is one behind all that is ever written.
    _BYTE = 2**31 - 2

    def lock(descriptor: int) -> None:
        """Lock the file, when nobody else does any more."""
        retry(partial(lock_now, descriptor), BlockingIOError, math.inf)

    def lock_now(descriptor: int) -> None:
        """Lock the file. Raises BlockingIOError while another descriptor holds it."""
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except PermissionError as error:  # so Windows calls a lock that somebody has
            raise BlockingIOError(*error.args) from error
        os.lseek(descriptor, 0, os.SEEK_SET)

    def share_now(descriptor: int) -> None:
        """Lock the file; here, alone. Raises BlockingIOError while another one holds it."""
        _unlock(descriptor)  # a second lock of the same byte is refused, even to its holder
        lock_now(descriptor)

    def close(descriptor: int) -> None:
        """Close the descriptor, and with it the lock."""
        _unlock(descriptor)  # Windows does it too, but not at once
        os.close(descriptor)

    def _unlock(descriptor: int) -> None:
        with contextlib.suppress(OSError):  # there is no lock
            os.lseek(descriptor, _BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    CAN_SHARE = True

    def lock(descriptor: int) -> None:
        """Lock the file, when nobody else does any more."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def lock_now(descriptor: int) -> None:
        """Lock the file. Raises BlockingIOError while another descriptor holds it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def share_now(descriptor: int) -> None:
        """Lock the file, with others who share it. Raises BlockingIOError while one is alone."""
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def close(descriptor: int) -> None:
        """Close the descriptor, and with it the lock."""
        os.close(descriptor)
