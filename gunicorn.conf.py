"""gunicorn's configuration for the reference project: `gunicorn -c gunicorn.conf.py`."""

import os
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
if str(_here) not in sys.path:
    sys.path.insert(0, str(_here))  # gunicorn does so for `chdir`, but only after this file

from monitoring.errors import MonitoringError  # noqa: E402
from monitoring.gunicorn_hooks import *  # noqa: E402, F403  (the hooks, by gunicorn's names)
from project import environment  # noqa: E402

try:
    _given = environment.read()
    _given.bind.resolve()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_given.metrics_directory)
    prepare()  # noqa: F405
except (environment.EnvironmentVariableError, MonitoringError) as error:
    sys.exit(f"gunicorn.conf.py: {error}")

wsgi_app = "project.wsgi"
chdir = str(_here)
bind = str(_given.bind)
workers = _given.workers
# By default all gunicorns of a user share one control socket, so two servers would collide.
control_socket_disable = True
