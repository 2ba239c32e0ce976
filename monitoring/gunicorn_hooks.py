"""What gunicorn.conf.py needs: `prepare()` at its top, and the hooks by name.

from monitoring.gunicorn_hooks import on_starting, post_worker_init, prepare

prepare()
"""

import os
from functools import cache
from typing import Any

from monitoring import storage
from monitoring.storage import directory as metrics_directory
from monitoring.storage.roles import WEB


def prepare() -> None:
    """Make the metrics directory ready, before the application (or a preload of it) is imported.

    A fresh start wipes what dead processes left there. A reload (HUP) and an upgrade (USR2), and a
    second server on the same directory, do not. Raises MetricsDirectoryError.
    """
    directory = metrics_directory.configured_directory()
    storage.install(role=WEB, directory=directory)
    _claim(os.getpid())


@cache
def _claim(pid: int) -> metrics_directory.MasterLock:
    """Once for each master process: gunicorn reads its configuration again at every reload."""
    directory = metrics_directory.configured_directory()
    metrics_directory.ensure(directory)
    lock = metrics_directory.MasterLock(directory)
    # The master of an upgrade is told the old one's pid. The old one is alive and its lock says
    # so, but it may have been started by a configuration without this lock.
    lock.start(may_wipe="GUNICORN_PID" not in os.environ)
    return lock


def on_starting(server: Any) -> None:
    """Let workers that run as another user (gunicorn's `user`, `group`) write to the directory."""
    metrics_directory.give_to(
        metrics_directory.configured_directory(), server.cfg.uid, server.cfg.gid
    )


def post_worker_init(worker: Any) -> None:
    """Take the slot before the first request, so that no request pays for it."""
    storage.attach()
