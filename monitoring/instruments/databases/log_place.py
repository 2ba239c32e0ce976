"""Where the slow query log is, and whether this process may write there."""

import hashlib
import os
from pathlib import Path

from django.conf import settings as django_settings

from monitoring.conf import Settings
from monitoring.errors import MetricsDirectoryError
from monitoring.primitives.platform import files
from monitoring.storage import directory, this_process
from monitoring.storage.slots import TEST

_NAME = "slow_queries.log"
_SETTING = "SLOW_QUERY_LOG"


def log_path(settings: Settings) -> Path | None:
    """The log's path; None if it is switched off, or if there is no safe place by default.

    Checked at each call, because a cleaner of /var/tmp may delete the directory, and then anyone
    may make one of that name. A test run has a log of its own, which is deleted with its metrics.
    """
    if settings.SLOW_QUERY_LOG == "":
        return None
    if this_process.files.role == TEST:
        own = this_process.files.directory
        return own and own / "slow-queries" / _NAME
    if settings.SLOW_QUERY_LOG is not None:
        return base_directory() / settings.SLOW_QUERY_LOG
    try:
        return _ensured_default()
    except (MetricsDirectoryError, OSError):
        return None


def problem_of_log(settings: Settings) -> str:
    """Why nothing can be written to the log; empty if it can be, or is switched off."""
    if settings.SLOW_QUERY_LOG == "":
        return ""
    if settings.SLOW_QUERY_LOG is None:
        try:
            _ensured_default(create=False)
        except (MetricsDirectoryError, OSError) as error:
            return str(error)
        return ""
    path = base_directory() / settings.SLOW_QUERY_LOG
    needed = (path, path.with_name(f"{path.name}.lock"))
    return next(
        (f"{_SETTING}={path}: this process may not write it" for one in needed if _refuses(one)), ""
    )


def _ensured_default(*, create: bool = True) -> Path:
    """A file for this user and project, in a directory that nobody else may write to."""
    project = hashlib.sha256(str(base_directory().resolve()).encode()).hexdigest()[:8]
    parent = _kept() / f"django-monitoring-{files.user()}-{project}"
    directory.ensure(parent, _SETTING, create=create)
    # `ensure` lets root use anyone's. Here the name is guessable, and links in it are followed.
    if os.path.lexists(parent) and not files.is_ours(parent.lstat()):
        raise MetricsDirectoryError(f"{_SETTING}={parent}: is owned by another user")
    return parent / _NAME


def _kept() -> Path:
    """A directory for temporary files, rather one that outlasts a reboot."""
    kept = Path("/var/tmp")  # noqa: S108  (mode 0700; `ensure` checks the owner)
    return kept if os.access(kept, os.W_OK | os.X_OK) else directory.temporary_directory()


def base_directory() -> Path:
    return Path(getattr(django_settings, "BASE_DIR", None) or Path.cwd())


def _refuses(path: Path) -> bool:
    """Whether the file can neither be written nor, if it is missing, be created."""
    try:
        if path.exists():
            return not path.is_file() or not os.access(path, os.W_OK)
        nearest = next(parent for parent in path.parents if parent.exists())
    except OSError:
        return True
    return not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK)
