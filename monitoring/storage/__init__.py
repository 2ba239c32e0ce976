"""Stores metric values in files: each process holds a slot and writes the slot's files.

Only this package assigns slots. The file format is known here and in monitoring.merging, which
reads the files.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from monitoring.storage import this_process
from monitoring.storage.directory import configured_directory, private_directory
from monitoring.storage.server_role import role_of_process
from monitoring.storage.slots import MASTER, TEST, WEB

if TYPE_CHECKING:
    from monitoring.storage.slots import Slot

__all__ = ["attach", "install"]


def install(role: str | None = None, directory: Path | str | None = None) -> None:
    """Give prometheus-client our value class. Call it before the first metric is built.

    `role` (default: by the command line) separates kinds of processes: web, celery, manage.
    `directory` (default: PROMETHEUS_MULTIPROC_DIR, else one in /dev/shm) holds the files. A test
    run gets a directory of its own in any case, deleted at its end: it is not traffic. A web
    process whose role is not given finds out itself, at its first write, whether the site starts
    afresh; gunicorn's hooks give it, because `prepare()` has done that. Idempotent; opens no file.
    """
    if role is not None or directory is not None or not this_process.is_declared():
        chosen_role = role or role_of_process()
        if directory is not None:
            chosen = Path(directory).absolute()
        elif chosen_role == TEST:
            chosen = private_directory(this_process.give_back)
        else:
            chosen = configured_directory()
        finds_start = role is None and chosen_role in (WEB, MASTER)
        this_process.declare(chosen_role, chosen, finds_start=finds_start)
    # Here, because prometheus-client and the value class have locks: see process_lock.
    from monitoring.storage import values  # noqa: PLC0415

    values.install()


def attach() -> "Slot | None":
    """Take this process's slot now, rather than at the first write; None if that failed."""
    from monitoring.storage import values  # noqa: PLC0415

    return values.attach()
