"""A process's role and slot: the lowest free one of the role, locked by flock until it dies.

The kernel frees the lock at death, however the process dies, so the next process of the role
continues the slot's files: nothing grows, nothing is lost, no exit hook is needed.
"""

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from monitoring.errors import NoFreeSlotError
from monitoring.primitives.interruptions import is_interruption
from monitoring.primitives.lock_files import close_lock, is_locked, lock_now, open_lock
from monitoring.primitives.platform import processes
from monitoring.primitives.small_files import is_at, read_json, write_all
from monitoring.storage.process_lock import process_lock

WEB = "web"
MASTER = "master"
EXPORTER = "exporter"
CELERY = "celery"
MANAGE = "manage"
TEST = "test"
OTHER = "python"

_WEB_SERVERS = {"gunicorn", "uvicorn", "daphne", "hypercorn", "granian", "uwsgi", "waitress-serve"}
_TEST_RUNNERS = {"pytest", "py.test"}
_COMMANDS = {"runserver": WEB, "exporter": EXPORTER, "test": TEST}
_HOUSEKEEPING = {
    *("check", "collectstatic", "compilemessages", "createcachetable", "diffsettings"),
    *("findstatic", "help", "--help", "makemessages", "makemigrations", "migrate"),
    *("optimizemigration", "showmigrations", "sqlmigrate", "squashmigrations", "startapp"),
    *("version", "--version"),
}
_MANAGE = {"manage.py", "django-admin", "django"}

MAX_SLOTS = 1024
_OWNER_BYTES = 256  # of what a lock file tells of its owner

_ROLE = re.compile(r"[a-z][a-z0-9]{0,15}")
_LOCK_FILE = re.compile(r"(?P<role>[a-z][a-z0-9]{0,15})-(?P<number>\d{1,4})\.lock")


def role_of(arguments: Sequence[str]) -> str:
    """The role for a `sys.argv`: web, exporter, celery, manage, test or python."""
    program = program_of(arguments)
    if program in _WEB_SERVERS:
        return WEB
    if program == "celery":
        return CELERY
    if program in _TEST_RUNNERS:
        return TEST
    if program in _MANAGE:
        return _COMMANDS.get(next(iter(arguments[1:]), ""), MANAGE)
    return OTHER


def program_of(arguments: Sequence[str]) -> str:
    """The program's name for a `sys.argv`, by `python -m` as well; empty if it is unknown."""
    path = PurePath(next(iter(arguments), ""))
    return path.parent.name if path.name == "__main__.py" else path.name


def is_housekeeping(arguments: Sequence[str]) -> bool:
    """Whether a `sys.argv` is a command of Django's that builds or deploys: it measures nothing.

    Another user than the web server's may run it, in an image that is being built, say.
    """
    command = next(iter(arguments[1:]), "help")
    return role_of(arguments) == MANAGE and command in _HOUSEKEEPING


def validate_role(role: str) -> str:
    if not _ROLE.fullmatch(role):
        raise ValueError(f"role {role!r}: allowed are 1 to 16 of a-z and 0-9, a letter first")
    return role


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot held by this process; `descriptor` keeps its lock."""

    role: str
    number: int
    descriptor: int
    path: Path

    @property
    def name(self) -> str:
        return slot_name(self.role, self.number)

    @property
    def is_deleted(self) -> bool:
        """Whether the lock file is gone from its place, with its directory perhaps."""
        return not is_at(self.path, self.descriptor)

    def forget(self) -> None:
        """Close the lock; in a forked child, its copy. Never LOCK_UN: it frees the parent's."""
        close_lock(self.descriptor)


@dataclass(frozen=True, slots=True)
class Owner:
    """The process named in a lock file; `start_ticks` is `ProcessStat.start`."""

    role: str
    number: int
    pid: int
    start_ticks: int

    @property
    def slot(self) -> str:
        return slot_name(self.role, self.number)


def slot_name(role: str, number: int) -> str:
    """The slot's name, which its files and labels carry."""
    return f"{role}-{number}"


def lock_path(directory: Path, slot_name: str) -> Path:
    return directory / f"{slot_name}.lock"


def take(directory: Path, role: str, preferred: int | None = None) -> Slot:
    """Take the slot of `role` with the preferred number, else the lowest free one.

    Raises NoFreeSlotError past MAX_SLOTS live processes, OSError if the directory is unusable.
    """
    if preferred is not None:
        slot = _try(directory, role, preferred, create=True)
        if slot is not None:
            return slot
    # A reader holds a dead slot's lock for some microseconds while it looks (is_held): look again
    # before a new slot is opened, so that readers never make the number of slots grow.
    for pause in (0.0, 0.001, 0.002):
        time.sleep(pause)
        slot = _take_first(directory, role, create=False)
        if slot is not None:
            return slot
        if not lock_path(directory, slot_name(role, 0)).exists():
            break
    slot = _take_first(directory, role, create=True)
    if slot is None:
        raise NoFreeSlotError(f"all {MAX_SLOTS} slots of role {role!r} in {directory} are taken")
    return slot


def _take_first(directory: Path, role: str, *, create: bool) -> Slot | None:
    for number in range(MAX_SLOTS):
        try:
            slot = _try(directory, role, number, create=create)
        except FileNotFoundError:
            if create:
                raise
            return None
        if slot is not None:
            return slot
    return None


def _try(directory: Path, role: str, number: int, *, create: bool) -> Slot | None:
    """The slot, if it is free. Raises OSError."""
    path = lock_path(directory, slot_name(role, number))
    descriptor = open_lock(path, create=create)
    try:
        if lock_now(descriptor):
            slot = Slot(role, number, descriptor, path)
            if not slot.is_deleted:  # else: the directory was emptied meanwhile
                _write_owner(slot)
                return slot
    except BaseException:
        close_lock(descriptor)
        raise
    close_lock(descriptor)
    return None


def is_held(path: Path) -> bool:
    """Whether a live process holds this lock file.

    True as well if there is no file (a stock writer) or it cannot be opened: unknown is not dead.
    """
    with process_lock():
        try:
            return is_locked(path)
        except OSError:
            return True


def read_owner(path: Path) -> Owner | None:
    """Who last took the slot of this lock file; None if that was not written (a full disk)."""
    match = _LOCK_FILE.fullmatch(path.name)
    if match is None:
        return None
    record = read_json(path, _OWNER_BYTES)
    try:
        pid, start_ticks = int(record["pid"]), int(record["start_ticks"])
    except (ValueError, KeyError, TypeError):
        return None
    return Owner(match["role"], int(match["number"]), pid, start_ticks)


def list_lock_files(directory: Path) -> list[Path]:
    """The slots' lock files, by role and number; none if there is no directory."""
    try:
        found = [
            match for path in directory.iterdir() if (match := _LOCK_FILE.fullmatch(path.name))
        ]
    except FileNotFoundError:
        return []
    found.sort(key=lambda match: (match["role"], int(match["number"])))
    return [directory / match.string for match in found]


def _write_owner(slot: Slot) -> None:
    pid = os.getpid()
    stat = processes.stat_of(pid)
    if stat is None:  # the lock itself holds, only process metrics miss this slot
        return
    try:
        record = json.dumps({"pid": pid, "start_ticks": stat.start})
        os.ftruncate(slot.descriptor, 0)
        write_all(slot.descriptor, record.encode(), 0)
    except OSError as error:  # no space
        if is_interruption(error):
            raise
