"""Results of checks, shared by all processes of the metrics directory in one small file.

Who wants to run a part claims it, under the file's lock, which is held for microseconds and never
while a check runs. A claim ends with its result, with its time, or with its process.
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

FILE = "health.json"

_MAX_BYTES = 1_000_000
_LOCK_SECONDS = 0.25


class Board:
    """Every method raises OSError if the file cannot be used: then the process is on its own."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def look(self, part: str, oldest: float) -> Result | None:
        """The result, if it is not from before `oldest` (monotonic seconds)."""
        with self._open() as descriptor:
            return _fresh(_read(descriptor).get(part, {}), oldest)

    def claim(self, part: str, oldest: float, seconds: float) -> tuple[bool, Result | None]:
        """A fresh result; or whether the part is now ours to run for so many seconds.

        With (True, …) comes the last result, however old; (False, None): another one runs it.
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
        """Replace the result, and end whatever claim there is."""
        with self._open() as descriptor:
            record = {"result": asdict(result)}
            _write(descriptor, {**_read(descriptor), part: record})

    def _open(self) -> AbstractContextManager[int]:
        return locked(self._path, _LOCK_SECONDS)


def _read(descriptor: int) -> dict[str, dict[str, Any]]:
    """What the file holds; nothing if that is damaged."""
    try:
        entries = json.loads(os.pread(descriptor, _MAX_BYTES, 0))
    except ValueError:
        return {}
    if not isinstance(entries, dict):
        return {}
    return {part: entry for part, entry in entries.items() if isinstance(entry, dict)}


def _write(descriptor: int, entries: dict[str, dict[str, Any]]) -> None:
    data = json.dumps(entries).encode()
    # The end first: killed in between, it leaves what cannot be read rather than two halves.
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)


def _fresh(entry: dict[str, Any], oldest: float) -> Result | None:
    result = _result(entry)
    # Times that lie ahead are from before a reboot.
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
        if not time.monotonic() < until:
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (KeyError, TypeError, ValueError, ProcessLookupError, OverflowError):
        return False
    return True
