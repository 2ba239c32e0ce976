"""Files that root makes in another user's metrics directory belong to that user."""

import os
from pathlib import Path


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Let the user of the directory (gunicorn's `user`, say) read and continue root's files."""
    if os.geteuid() == 0:
        status = directory.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)
