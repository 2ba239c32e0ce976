"""This process's role, directory and files, without prometheus-client or any lock.

gunicorn's master needs no more than this, and a gevent worker must not inherit more from it: see
process_lock.
"""

import os
from pathlib import Path

from monitoring.primitives.platform.forks import in_each_child
from monitoring.storage import slots
from monitoring.storage.directory import ENVIRONMENT_VARIABLE
from monitoring.storage.process_files import ProcessFiles
from monitoring.storage.process_lock import process_lock

files = ProcessFiles()
# Registered before the lock's release, so a child forgets the files while it still holds the lock.
in_each_child(files.leave_in_child)

_is_declared = False


def declare(role: str, directory: Path, *, finds_start: bool = False) -> None:
    """Set the role and the directory of the slot that this process will take. Opens nothing.

    A process that measured something earlier, under another role, gives that slot back. With
    `finds_start`, it looks before it takes its slot whether the site starts afresh.
    """
    global _is_declared  # noqa: PLW0603
    with process_lock():
        files.become(slots.validate_role(role), directory, finds_start=finds_start)
    # For prometheus-client's own code and for child processes.
    os.environ[ENVIRONMENT_VARIABLE] = str(directory)
    _is_declared = True


def give_back() -> None:
    """Close this process's files, and leave its slot to the next one."""
    with process_lock():
        files.give_back()


def is_declared() -> bool:
    return _is_declared


def drop(reason: str) -> None:
    """Count something that could not be recorded; `reason` is one of DROP_REASONS."""
    with process_lock():
        files.count(reason)
