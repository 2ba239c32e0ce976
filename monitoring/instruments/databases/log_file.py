"""A log file that many processes append to, and that may be rotated under them."""

import os
from pathlib import Path

from monitoring.primitives.lock_files import locked

_MODE = 0o640


class SharedLogFile:
    """Appends whole lines: none is lost or torn, whoever renames the file, and when.

    A lock file beside it (`<name>.lock`) makes writing and our own rotation one thing at a time.
    The file is opened for each write, so that logrotate may rename it at any moment (with its
    `create` or `nocreate`; `copytruncate` loses lines by design). Keeps no descriptor, so it
    may be used across a fork.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        """`max_bytes` 0: never rotated by us. `backups` older files are kept: `.1` the newest."""
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups

    def append(self, line: bytes) -> None:
        """Write a line, given without its end. Raises OSError; then nothing of it is written."""
        data = line + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(f"{self._path.name}.lock")
        with locked(lock, mode=_MODE, owned=False):
            if self._max_bytes and self._size() + len(data) > self._max_bytes:
                self._rotate()
            # Unlike our own files it may be a link, and its owner is whoever makes it.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, _MODE)
            try:
                _append(descriptor, data)
            finally:
                os.close(descriptor)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _rotate(self) -> None:
        for number in range(self._backups - 1, 0, -1):
            self._rename(self._backup(number), self._backup(number + 1))
        self._rename(self._path, self._backup(1))

    def _backup(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    @staticmethod
    def _rename(old: Path, new: Path) -> None:
        if old.exists():
            old.replace(new)


def _append(descriptor: int, data: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data  # what a machine that went down left unfinished
    written = os.write(descriptor, data)
    if written < len(data):  # the disk is full
        os.ftruncate(descriptor, size)
        raise OSError(f"only {written} of {len(data)} bytes could be written")
