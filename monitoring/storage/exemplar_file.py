"""The exemplar file of a slot, open for writing by the slot's owner alone."""

import mmap
import os
from pathlib import Path

from monitoring.storage.exemplar_format import FILE_BYTES, HEADER_BYTES, MAGIC, RECORD_BYTES
from monitoring.storage.ownership import give_to_owner


class ExemplarFile:
    """The mapped file. The caller holds the process's lock."""

    def __init__(self, descriptor: int) -> None:
        """Raises OSError when there is no space."""
        # Reserved before it is mapped: on a full file system a write into a hole is a SIGBUS.
        os.posix_fallocate(descriptor, 0, FILE_BYTES)
        self._map = mmap.mmap(descriptor, FILE_BYTES)
        self._descriptor = descriptor
        self._map[: len(MAGIC)] = MAGIC

    @property
    def is_deleted(self) -> bool:
        """Whether the file is gone from the directory."""
        return os.fstat(self._descriptor).st_nlink == 0

    def put(self, number: int, record: bytes) -> None:
        """Write the record with this number over what was there."""
        start = HEADER_BYTES + number * RECORD_BYTES
        self._map[start : start + RECORD_BYTES] = record

    def forget(self) -> None:
        """Let go of the file; in a forked child, of its copy of the parent's mapping."""
        self._map.close()
        os.close(self._descriptor)


def open_exemplar_file(path: Path) -> ExemplarFile:
    """Open or create the file; the last owner's exemplars stay.

    One that is not of this layout is replaced. Raises OSError when it cannot be opened or there is
    no space; then no new file is left behind.
    """
    if not _is_usable(path):
        path.unlink()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    is_new = os.fstat(descriptor).st_size == 0
    try:
        give_to_owner(descriptor, path.parent)
        return ExemplarFile(descriptor)
    except BaseException:
        os.close(descriptor)
        if is_new:
            path.unlink(missing_ok=True)
        raise


def _is_usable(path: Path) -> bool:
    """Whether the file is still to be made, was left half-made by a dead owner, or is whole."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    try:
        size = os.fstat(descriptor).st_size
        magic = os.pread(descriptor, len(MAGIC), 0)
    finally:
        os.close(descriptor)
    return size == 0 or (size == FILE_BYTES and magic in (MAGIC, bytes(len(MAGIC))))
