"""The hooks, for gunicorn.conf.py, after a look at which package `monitoring` is."""

from multiprocess_exporter import require_own_package

require_own_package()

from monitoring.gunicorn_hooks import (  # noqa: E402
    child_exit,
    on_starting,
    post_fork,
    post_worker_init,
    pre_fork,
    prepare,
    when_ready,
)

__all__ = [
    "child_exit",
    "on_starting",
    "post_fork",
    "post_worker_init",
    "pre_fork",
    "prepare",
    "when_ready",
]
