"""The hooks for gunicorn.conf.py, and `prepare()`, which it calls at its top:

from monitoring.gunicorn_hooks import *

prepare()

A gevent worker patches locks and threads after gunicorn has read its configuration and forked. So
nothing here imports Django, asgiref or prometheus-client, or makes a lock, until the worker has its
application.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from monitoring import storage
from monitoring.figures.ring_file import start_after_wipe
from monitoring.metrics.master_families import BOOTS, EXITS
from monitoring.primitives.after_import import after_import
from monitoring.primitives.own_logger import OwnLogger
from monitoring.primitives.per_process import per_process
from monitoring.processes.server_facts import ServerFacts, write_facts
from monitoring.storage import directory as metrics_directory
from monitoring.storage import this_process
from monitoring.storage.one_host import mark_host
from monitoring.storage.self_report import report_error
from monitoring.storage.slots import MASTER, WEB

__all__ = [
    "child_exit",
    "on_starting",
    "post_fork",
    "post_worker_init",
    "pre_fork",
    "prepare",
    "when_ready",
]

logger = OwnLogger("monitoring")

_VALUES = "monitoring.storage.values"


def prepare() -> None:
    """Prepare the metrics directory. Call it before the application is imported or preloaded.

    A fresh start deletes the files of dead processes. A reload (HUP), an upgrade (USR2) and a
    second server on the same directory do not. Raises MetricsDirectoryError.
    """
    directory = metrics_directory.configured_directory()
    this_process.declare(MASTER, directory)
    # The project's metrics may be built before Django is set up: in wsgi.py, say.
    after_import("prometheus_client", _install_values)
    _claim()


def _install_values() -> None:
    if _VALUES not in sys.modules:  # else it is the importer, on behalf of `install`
        storage.install()


@per_process
def _claim() -> metrics_directory.MasterLock:
    """Once for each master process, because gunicorn runs its configuration again at a reload."""
    directory = metrics_directory.configured_directory()
    metrics_directory.ensure(directory)
    lock = metrics_directory.MasterLock(directory)
    # In an upgrade, gunicorn gives the new master the old one's pid. The old master may have been
    # started by a configuration without this lock, so the lock alone is not enough.
    if lock.start(may_wipe=lambda: "GUNICORN_PID" not in os.environ):
        _begin_snapshots(directory)
        for problem in mark_host(directory):
            logger.warning("%s", problem)
    return lock


def _begin_snapshots(directory: Path) -> None:
    """Begin new snapshots, because the files with the old counts have been deleted."""
    try:
        start_after_wipe(directory)
    except OSError as error:  # such as a full disk: the server starts without windows
        logger.warning("the summary's snapshots cannot be kept: %s", error)


def on_starting(server: Any) -> None:
    """Let workers that run as another user (gunicorn's `user`, `group`) write to the directory."""
    metrics_directory.give_to(
        metrics_directory.configured_directory(), server.cfg.uid, server.cfg.gid
    )


def when_ready(server: Any) -> None:
    """Write for the exporter where the server listens. An error here does not stop the server."""
    addresses = [listener.getsockname() for listener in server.LISTENERS]
    facts = ServerFacts(
        # A unix socket's address is its path: its queue cannot be read from outside.
        tuple((item[0], item[1]) for item in addresses if isinstance(item, tuple)),
        server.cfg.backlog,
        server.cfg.workers,
    )
    try:
        write_facts(metrics_directory.configured_directory(), facts)
    except OSError as error:
        server.log.warning("the exporter will not know the listeners: %s", error)


def pre_fork(server: Any, worker: Any) -> None:
    """Count the boot of a worker, in the master."""
    try:
        BOOTS.of().inc()
    except Exception:
        report_error("a worker's boot could not be counted")


def post_fork(server: Any, worker: Any) -> None:
    """Give the new worker its own role."""
    this_process.declare(WEB, metrics_directory.configured_directory())


def child_exit(server: Any, worker: Any) -> None:
    """Count the end of a worker by its reason, in the master."""
    try:
        EXITS.of(exit_reason(_wait_status())).inc()
    except Exception:
        report_error("a worker's end could not be counted")


def post_worker_init(worker: Any) -> None:
    """Take the slot and load the URLs, so that the first request does not have to."""
    storage.install()
    storage.attach()
    try:
        from django.urls import get_resolver  # noqa: PLC0415

        _ = get_resolver().url_patterns
    except Exception:
        report_error("the URLs could not be loaded before the first request")
    from monitoring.figures import snapshot_taker  # noqa: PLC0415

    snapshot_taker.ensure_running(metrics_directory.configured_directory(), before_requests=True)


def _wait_status() -> object:
    """The worker's wait status, which gunicorn does not pass to its hook.

    It is read from a local variable of `Arbiter.reap_workers` (gunicorn 20.1 to 27), which is among
    the callers. None in a gunicorn without that variable.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "reap_workers":
        frame = frame.f_back
    return frame.f_locals.get("status") if frame else None


def exit_reason(status: object) -> str:
    """A wait status as a label (`exit_0`, `SIGKILL`, …); the system bounds the set of values."""
    if not isinstance(status, int):
        return "unknown"
    if os.WIFSIGNALED(status):
        try:
            return signal.Signals(os.WTERMSIG(status)).name
        except ValueError:
            return "unknown"
    return f"exit_{os.waitstatus_to_exitcode(status)}"
