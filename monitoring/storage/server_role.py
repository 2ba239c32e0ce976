"""Tells the processes that answer requests from those that only start them.

A server's first process may import the application, and the application may count something then.
With a slot of the role web it would pass for a worker that is never busy.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from monitoring.primitives.platform.forks import uwsgi_module
from monitoring.storage.server_start import find_server
from monitoring.storage.slots import MASTER, OTHER, WEB, program_of, role_of

# Django's own: the reloader sets it in the process that serves.
_SERVES_UNDER_RELOADER = "RUN_MAIN"


def role_of_process() -> str:
    """This process's role, if nobody gave it one."""
    uwsgi = uwsgi_module()
    if uwsgi is not None:
        return _role_in_uwsgi(uwsgi)
    role = role_of(sys.argv)
    return MASTER if role == WEB and only_starts_others(sys.argv, os.environ) else role


def role_after_fork(role: str) -> str:
    """The role of a forked child of a process that had `role`."""
    uwsgi = uwsgi_module()
    if uwsgi is not None:
        # Mules and spoolers answer no request.
        return WEB if uwsgi.worker_id() else OTHER
    return WEB if role == MASTER else role


def only_starts_others(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether this process of a web server is a parent that answers nothing itself.

    uvicorn's and granian's parents, and hypercorn's without `--reload`, import no application.
    """
    program = program_of(arguments)
    if program == "gunicorn" or (program == "hypercorn" and "--reload" in arguments):
        server = find_server()
        return server is not None and server[0] == os.getpid()
    if "runserver" in arguments[1:2]:
        return "--noreload" not in arguments and environment.get(_SERVES_UNDER_RELOADER) != "true"
    return False


def _role_in_uwsgi(uwsgi: Any) -> str:
    """A master has no worker's number, nor has a process that will be the worker itself."""
    if uwsgi.worker_id():
        return WEB
    is_other = uwsgi.mule_id() or uwsgi.i_am_the_spooler()
    return OTHER if is_other else MASTER
