"""Shares the results of checks between all processes, in one small file of the metrics directory.

A process claims a part before it runs it. The file's lock is held for microseconds, never while a
check runs. A claim ends when its result is published, its time is over, or its process is dead.
"""

import json
import os
import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monitoring.health.findings import Finding, Result, Status
from monitoring.primitives.lock_files import locked
from monitoring.primitives.platform import files
from monitoring.primitives.platform.processes import is_alive
from monitoring.primitives.small_files import write_all

FILE = "health.json"

_MAX_BYTES = 1_000_000
_LOCK_SECONDS = 0.25


class Board:
    """The shared file. Every method raises OSError if the file cannot be used."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def look(self, part: str, oldest: float) -> Result | None:
        """The result if it is not older than `oldest` (monotonic seconds), else None."""
        with self._open() as descriptor:
            return _fresh(_read(descriptor).get(part, {}), oldest)

    def claim(self, part: str, oldest: float, seconds: float) -> tuple[bool, Result | None]:
        """Get a result that is not older than `oldest`, or claim the part for `seconds`.

        (False, result): fresh. (True, last result or None): the caller must run the part. (False,
        None): another process is running it.
        """
        with self._open() as descriptor:
            entries = _read(descriptor)
            entry = entries.get(part, {})
            fresh = _fresh(entry, oldest)
            if fresh is not None:
                return False, fresh
            if _is_claimed(entry):
                return False, None
            entry["claim"] = {"pid": os.getpid(), "until": time.monotonic() + seconds}
            _write(descriptor, {**entries, part: entry})
            return True, _result(entry)

    def publish(self, part: str, result: Result) -> None:
        """Store the result, and end any claim on the part."""
        with self._open() as descriptor:
            record = {"result": asdict(result)}
            _write(descriptor, {**_read(descriptor), part: record})

    def _open(self) -> AbstractContextManager[int]:
        return locked(self._path, _LOCK_SECONDS)


def _read(descriptor: int) -> dict[str, dict[str, Any]]:
    """The entries by part; empty if the file is damaged."""
    try:
        entries = json.loads(files.read_at(descriptor, _MAX_BYTES, 0))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {part: entry for part, entry in entries.items() if isinstance(entry, dict)}


def _write(descriptor: int, entries: dict[str, dict[str, Any]]) -> None:
    data = json.dumps(entries).encode()
    # Truncated first: a process killed in between leaves no mixture of old and new.
    os.ftruncate(descriptor, 0)
    write_all(descriptor, data, 0)


def _fresh(entry: dict[str, Any], oldest: float) -> Result | None:
    result = _result(entry)
    # A time in the future is from before a reboot.
    if result is None or not oldest <= result.finished <= time.monotonic():
        return None
    return result


def _result(entry: dict[str, Any]) -> Result | None:
    try:
        record = dict(entry["result"])
        finding = dict(record.pop("finding"))
        finding["status"] = Status(finding["status"])
        return Result(finding=Finding(**finding), **record)
    except (KeyError, TypeError, ValueError):
        return None


def _is_claimed(entry: dict[str, Any]) -> bool:
    try:
        pid, until = int(entry["claim"]["pid"]), float(entry["claim"]["until"])
    except (KeyError, TypeError, ValueError):
        return False
    return time.monotonic() < until and is_alive(pid)
