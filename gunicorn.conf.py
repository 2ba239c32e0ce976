"""gunicorn's configuration for the reference project: `gunicorn -c gunicorn.conf.py`."""

import os
from pathlib import Path

from monitoring.gunicorn_hooks import *  # noqa: F403  (the hooks, by the names that gunicorn knows)
from monitoring.storage.directory import default_directory

_here = Path(__file__).parent
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(default_directory(_here)))
prepare()  # noqa: F405

wsgi_app = "project.wsgi"
chdir = str(_here)
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
# gunicorn's control socket is one for each user by default: two servers would quarrel about it.
control_socket_disable = True
