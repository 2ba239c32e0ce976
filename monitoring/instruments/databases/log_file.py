"""A log file that many processes append to, and that may be rotated meanwhile."""

import os
from pathlib import Path

from monitoring.primitives.lock_files import locked
from monitoring.primitives.platform import files

_MODE = 0o640


class SharedLogFile:
    """Appends whole lines; none is lost or torn when the file is renamed at any moment.

    A lock file beside it (`<name>.lock`) serialises writes and our own rotation. Each write opens
    the file, so that logrotate may rename it at any time (with `create` or `nocreate`;
    `copytruncate` loses lines by design). No descriptor is kept, so it works across forks.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        """`max_bytes` 0: no rotation by us. `backups` old files are kept; `.1` is the newest."""
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups

    def append(self, line: bytes) -> None:
        """Append `line` and a newline. Raises OSError; then nothing of the line is written."""
        data = line + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(f"{self._path.name}.lock")
        with locked(lock, mode=_MODE, owned=False):
            if self._max_bytes and self._size() + len(data) > self._max_bytes:
                self._rotate()
            # Unlike our other files, it may be a link, and belongs to its creator.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | files.OWN
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
    if size and files.read_at(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data  # ends a line that a crash left incomplete
    written = os.write(descriptor, data)
    if written < len(data):  # the disk is full
        os.ftruncate(descriptor, size)
        raise OSError(f"only {written} of {len(data)} bytes could be written")
