"""Which role a process has, told by its command line when nobody said it."""

from collections.abc import Sequence
from pathlib import PurePath

WEB = "web"
MASTER = "master"
CELERY = "celery"
MANAGE = "manage"
OTHER = "python"

_WEB_SERVERS = {"gunicorn", "uvicorn", "daphne", "hypercorn", "granian", "uwsgi", "waitress-serve"}
_MANAGE = {"manage.py", "django-admin", "django"}


def role_of(arguments: Sequence[str]) -> str:
    """The role for a `sys.argv`: web, celery, manage or python."""
    if not arguments:
        return OTHER
    path = PurePath(arguments[0])
    program = path.parent.name if path.name == "__main__.py" else path.name
    if program in _WEB_SERVERS:
        return WEB
    if program == "celery":
        return CELERY
    if program in _MANAGE:
        return WEB if "runserver" in arguments[1:2] else MANAGE
    return OTHER
