"""Opening, reserving, reading and owning files, with what this system has for it."""

import io
import mmap
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitoring.primitives.platform.retry import retry

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# Flags of `os.open`: child programs inherit no descriptor, links are not followed, opening a pipe
# does not block, and Windows leaves line ends alone.
NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
OWN: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
SAFELY: int = OWN | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)

# Windows neither renames nor deletes a file that somebody has open, nor replaces it.
OPEN_FILES_MOVE = os.name != "nt" and hasattr(os, "pread")
# Windows has neither owners by number nor the permission bits of a group.
HAS_OWNERS = hasattr(os, "geteuid")

_CHUNK_BYTES = 64 * 1024
_REPLACE_SECONDS = 0.1


if hasattr(os, "posix_fallocate"):

    def reserve(descriptor: int, size: int) -> None:
        """Make the file at least so long, with space on the disk. Raises OSError without space."""
        os.posix_fallocate(descriptor, 0, size)

else:

    def reserve(descriptor: int, size: int) -> None:
        """Make the file at least so long, with space on the disk. Raises OSError without space.

        By zeros after its end. Holes before it stay: files that we make have none.
        """
        end = before = os.fstat(descriptor).st_size
        try:
            while end < size:
                end += write_at(descriptor, bytes(min(size - end, _CHUNK_BYTES)), end)
        except OSError:
            os.ftruncate(descriptor, before)
            raise


if hasattr(os, "pread"):
    read_at = os.pread
    write_at = os.pwrite
else:  # only the caller knows of the descriptor, so nobody moves its position meanwhile

    def read_at(descriptor: int, length: int, at: int, /) -> bytes:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, length)

    def write_at(descriptor: int, data: "ReadableBuffer", at: int, /) -> int:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.write(descriptor, data)


def reading_into(descriptor: int, buffer: memoryview, at: int) -> list[Callable[[], int | None]]:
    """Calls, written in C, that fill the buffer from the offset; the last returns how far."""
    if hasattr(os, "preadv"):
        return [partial(os.preadv, descriptor, [buffer], at)]
    file = io.FileIO(descriptor, closefd=False)
    return [partial(file.seek, at), partial(file.readinto, buffer)]


def read_into(descriptor: int, buffer: memoryview, at: int) -> int:
    """Fill the buffer from the offset, as far as the file goes; how far."""
    return [step() or 0 for step in reading_into(descriptor, buffer, at)][-1]


def view(descriptor: int, size: int) -> mmap.mmap | bytes:
    """The file's bytes: a map that follows it; a copy where maps keep it in its place."""
    mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    if OPEN_FILES_MOVE:
        return mapped
    with mapped:
        return mapped[:]


def replace(source: Path, target: Path) -> None:
    """Rename the file, over another one if there is one. Raises OSError.

    Windows refuses it while another process or thread reads the target, which takes a moment.
    """
    if OPEN_FILES_MOVE:
        source.replace(target)
        return
    retry(partial(source.replace, target), PermissionError, _REPLACE_SECONDS)


def user() -> int:
    """The number of the user that this process runs as; 0, as of each file, where there is none."""
    return os.geteuid() if HAS_OWNERS else 0


def is_ours(status: os.stat_result) -> bool:
    """Whether the file is this user's; where there are no owners, it is."""
    return not HAS_OWNERS or status.st_uid == os.geteuid()


def is_root() -> bool:
    """Whether this process may give files away."""
    return HAS_OWNERS and os.geteuid() == 0
