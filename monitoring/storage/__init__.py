"""Where metrics live: worker slots, their files, and the merge of all of them.

The format of the files and the way a process gets its slot are known only in this package.
"""

import sys
from pathlib import Path

from monitoring.storage import values
from monitoring.storage.directory import configured_directory
from monitoring.storage.roles import role_of
from monitoring.storage.values import attach

__all__ = ["attach", "install"]


def install(role: str | None = None, directory: Path | str | None = None) -> None:
    """Give prometheus-client our value class. Call it before the first metric is built.

    `role` (default: told by the command line) keeps kinds of processes apart: web, celery, manage.
    `directory` (default: PROMETHEUS_MULTIPROC_DIR, else one in /dev/shm) holds the files.
    Idempotent; opens nothing.
    """
    if role is not None or directory is not None or not values.is_installed():
        chosen = Path(directory).absolute() if directory is not None else configured_directory()
        values.install(role or role_of(sys.argv), chosen)
