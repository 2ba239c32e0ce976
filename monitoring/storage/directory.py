"""The metrics directory: finds it, checks that it is safe, and wipes it."""

import atexit
import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from monitoring.errors import ForeignDirectoryError, MetricsDirectoryError
from monitoring.primitives.lock_files import close_lock, lock_now, open_lock
from monitoring.primitives.platform import files, locks
from monitoring.primitives.platform.forks import in_each_child
from monitoring.primitives.platform.retry import retry
from monitoring.primitives.small_files import (
    CREATE,
    READ,
    WRITE,
    is_at,
    write_all,
)
from monitoring.storage.exemplars import owner_of
from monitoring.storage.fine_file import owner_of_fine
from monitoring.storage.format import metric_files
from monitoring.storage.process_lock import process_lock
from monitoring.storage.slots import lock_path

ENVIRONMENT_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# For workers of a test run that are not forked; they import everything again.
_TEST_DIRECTORY = "MONITORING_TEST_DIRECTORY"
_MASTER_LOCK = "master.lock"
_GIVEN = "given-by-root"  # the note of a directory that root gave to the workers' user
_GIVEN_BYTES = 100
_SHARE_SECONDS = 1.0
_NOT_FOR_US = {errno.EACCES, errno.EPERM, errno.EROFS}  # another user may, or another mount


def default_directory(anchor: Path | None = None) -> Path:
    """A directory in memory for this user and project, named by `anchor` (default: the cwd)."""
    project = hashlib.sha256(str((anchor or Path.cwd()).resolve()).encode()).hexdigest()[:8]
    return _memory() / f"django-metrics-{files.user()}-{project}"


def private_directory(give_back: Callable[[], object]) -> Path:
    """A directory in memory for a test run and its workers, deleted when the run ends.

    `give_back` closes this process's files in it, where open ones cannot be deleted.
    """
    if (inherited := os.environ.get(_TEST_DIRECTORY)) and Path(inherited).is_dir():
        return Path(inherited)
    try:
        path = Path(tempfile.mkdtemp(prefix="django-metrics-", dir=_memory()))
    except OSError:  # nothing is writable: what is measured will be dropped
        return _memory() / f"django-metrics-{os.getpid()}"
    os.environ[_TEST_DIRECTORY] = str(path)
    creator = os.getpid()

    def delete() -> None:
        if os.getpid() == creator:  # not a forked child
            if not files.OPEN_FILES_MOVE:
                give_back()
            shutil.rmtree(path, ignore_errors=True)

    atexit.register(delete)
    return path


def _memory() -> Path:
    shared_memory = Path("/dev/shm")  # noqa: S108  (mode 0700; `ensure` checks the owner)
    return shared_memory if os.access(shared_memory, os.W_OK) else temporary_directory()


def temporary_directory() -> Path:
    """Python's choice; /tmp if nothing is writable, where the attempt to write then fails."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path("/tmp")  # noqa: S108  (nothing is written)


def configured_directory() -> Path:
    """PROMETHEUS_MULTIPROC_DIR, else `default_directory()`."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(given).absolute() if given else default_directory()


def ensure(path: Path, setting: str = ENVIRONMENT_VARIABLE, *, create: bool = True) -> None:
    """Create the directory (mode 0700), or check that only its owner can write to it.

    Without `create`, one that is missing is only checked for whether it could be made.
    Raises MetricsDirectoryError, which says what is wrong with `setting` and what to do.
    """
    try:
        if create:
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700, parents=True)
        elif not os.path.lexists(path):
            _check_parent(path)
            return
        status = path.lstat()
    except OSError as error:
        kind = ForeignDirectoryError if error.errno in _NOT_FOR_US else MetricsDirectoryError
        raise kind(
            f"{setting}={path}: cannot be created ({error.strerror}); "
            "name a directory that this user may create and write"
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        raise MetricsDirectoryError(
            f"{setting}={path}: is not a directory (links are not followed)"
        )
    _check_owner(path, status, setting)
    if files.HAS_OWNERS and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        is_shared = status.st_mode & stat.S_ISVTX  # such as /tmp, which we must not chmod
        advice = "name a directory of its own" if is_shared else "chmod it to 0700"
        raise MetricsDirectoryError(
            f"{setting}={path}: others may write to it (mode "
            f"{stat.S_IMODE(status.st_mode):04o}); {advice}"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise MetricsDirectoryError(
            f"{setting}={path}: this process may not read and write it "
            f"(mode {stat.S_IMODE(status.st_mode):04o}); chmod it to 0700"
        )


def _check_owner(path: Path, status: os.stat_result, setting: str) -> None:
    if not files.is_ours(status) and not _was_given(path, status):
        raise ForeignDirectoryError(
            f"{setting}={path}: is owned by uid {status.st_uid}, this process runs as "
            f"uid {files.user()}; name a directory of its own, or chown it"
        )


def owner(path: Path) -> int:
    """The uid of the directory's owner, whose files count, and root's.

    Readers ask before each reading, because somebody else may have made a directory that was
    deleted under them. Raises MetricsDirectoryError then, and FileNotFoundError if there is none.
    """
    status = path.lstat()
    _check_owner(path, status, ENVIRONMENT_VARIABLE)
    return status.st_uid


def _check_parent(path: Path) -> None:
    """Raise OSError if the directory could not be made: a parent is a file, or not writable."""
    parent = path.parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def give_to(path: Path, uid: int, gid: int) -> None:
    """If this process is root, give the directory to the user of the workers.

    Only root's own directory, or one that root has given away before; `ensure` refuses others.
    """
    status = path.lstat()
    if not files.is_root() or status.st_uid == uid:
        return
    if status.st_uid != 0 and not _was_given(path, status):
        return
    for entry in path.iterdir():
        if entry.name != _GIVEN:
            os.chown(entry, uid, gid, follow_symlinks=False)
    _note_given(path, status)
    os.chown(path, uid, gid, follow_symlinks=False)


def _note_given(path: Path, status: os.stat_result) -> None:
    """Leave root's note in the directory, which its new owner may delete but cannot write."""
    note = path / _GIVEN
    note.unlink(missing_ok=True)
    descriptor = os.open(note, CREATE | os.O_EXCL, 0o600)
    try:
        write_all(descriptor, _given_text(status), 0)
    finally:
        os.close(descriptor)


def _was_given(path: Path, status: os.stat_result) -> bool:
    """Whether this process is root, and root made the directory and gave it to its owner."""
    if not files.is_root():
        return False
    try:
        descriptor = os.open(path / _GIVEN, READ)
    except OSError:
        return False
    try:
        note = os.fstat(descriptor)
        # One name: a link to the note of another directory, or to any file of root's, is none.
        is_roots = note.st_uid == 0 and note.st_nlink == 1 and stat.S_ISREG(note.st_mode)
        return is_roots and os.read(descriptor, _GIVEN_BYTES) == _given_text(status)
    finally:
        os.close(descriptor)


def _given_text(status: os.stat_result) -> bytes:
    return f"{status.st_dev}:{status.st_ino}".encode()


class MasterLock:
    """A lock that every server on the directory shares while it runs.

    A gunicorn master holds it; under other servers, each web process. Only a server that finds no
    other one may wipe, so that a USR2 upgrade or a second server on the same directory does not.
    Forked children close it: gunicorn's workers do not hold it, and others take their own.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / _MASTER_LOCK
        self._descriptor = open_lock(self._path)
        in_each_child(self.leave)

    @property
    def is_deleted(self) -> bool:
        """Whether the lock file is gone from its place: others lock a new one."""
        return not is_at(self._path, self._descriptor)

    def start(self, *, may_wipe: Callable[[], bool]) -> bool:
        """Take the lock; if no other server runs, wipe free slots. Returns whether it wiped.

        `may_wipe` is asked while no other server can start. Raises OSError if the wipe fails; the
        lock is shared even then, because others would wait for it.
        """
        try:
            alone = lock_now(self._descriptor)
            wiped = alone and may_wipe()
            if wiped:
                wipe_free_slots(self._directory)
        finally:
            self._share()
        return wiped

    def _share(self) -> None:
        """Share the lock; the wait for another server that starts now is bounded."""
        seconds = _SHARE_SECONDS if locks.CAN_SHARE else 0.0
        with contextlib.suppress(BlockingIOError):  # it is suspended: rather count without the lock
            retry(partial(locks.share_now, self._descriptor), BlockingIOError, seconds)

    def leave(self) -> None:
        """Close the lock; in a forked child, its copy."""
        if self._descriptor >= 0:
            close_lock(self._descriptor)
            self._descriptor = -1


def wipe_free_slots(directory: Path) -> None:
    """Delete the files of slots that no live process owns. Lock files stay."""
    with process_lock():
        names = [entry.name for entry in directory.iterdir()]
        owned = [(name, file.owner) for name, file in metric_files(iter(names))]
        for of in (owner_of, owner_of_fine):
            owned += [(name, owner) for name in names if (owner := of(name))]
        by_owner: dict[str, list[str]] = defaultdict(list)
        for name, owner in owned:
            by_owner[owner].append(name)
        for owner, of_owner in by_owner.items():
            with _unowned(lock_path(directory, owner)) as is_free:
                for name in of_owner if is_free else ():
                    (directory / name).unlink(missing_ok=True)
                    (directory / f"{name}.damaged").unlink(missing_ok=True)


@contextlib.contextmanager
def _unowned(lock: Path) -> Iterator[bool]:
    """Whether the slot has no live owner; nobody takes it while the block runs."""
    try:
        descriptor = os.open(lock, WRITE)
    except FileNotFoundError:  # of a stock writer
        yield True
        return
    except OSError:
        yield False
        return
    try:
        yield lock_now(descriptor)
    finally:
        locks.close(descriptor)
