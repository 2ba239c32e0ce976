"""Where metrics live: worker slots and their files.

How a process gets its slot is known only here; the format of the files is known here and to the
readers in monitoring.merging.
"""

import os
import sys
from pathlib import Path

from monitoring.storage import values
from monitoring.storage.directory import (
    ENVIRONMENT_VARIABLE,
    configured_directory,
    private_directory,
)
from monitoring.storage.slots import TEST, role_of
from monitoring.storage.values import attach

__all__ = ["attach", "install"]


def install(role: str | None = None, directory: Path | str | None = None) -> None:
    """Give prometheus-client our value class. Call it before the first metric is built.

    `role` (default: told by the command line) keeps kinds of processes apart: web, celery, manage.
    `directory` (default: PROMETHEUS_MULTIPROC_DIR, else one in /dev/shm) holds the files. A test
    run gets one of its own, deleted at its end, so that it does not count as traffic.
    Idempotent; opens no file of a slot.
    """
    if role is not None or directory is not None or not values.is_installed():
        chosen_role = role or role_of(sys.argv)
        if directory is not None:
            chosen = Path(directory).absolute()
        elif chosen_role == TEST and ENVIRONMENT_VARIABLE not in os.environ:
            chosen = private_directory()
        else:
            chosen = configured_directory()
        values.install(chosen_role, chosen)
