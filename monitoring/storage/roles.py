"""Which role a process has, told by its command line when nobody said it."""

from collections.abc import Sequence
from pathlib import PurePath

WEB = "web"
MASTER = "master"
CELERY = "celery"
MANAGE = "manage"
TEST = "test"
OTHER = "python"

_WEB_SERVERS = {"gunicorn", "uvicorn", "daphne", "hypercorn", "granian", "uwsgi", "waitress-serve"}
_TEST_RUNNERS = {"pytest", "py.test"}
_COMMANDS = {"runserver": WEB, "test": TEST}
_MANAGE = {"manage.py", "django-admin", "django"}


def role_of(arguments: Sequence[str]) -> str:
    """The role for a `sys.argv`: web, celery, manage, test or python."""
    if not arguments:
        return OTHER
    path = PurePath(arguments[0])
    program = path.parent.name if path.name == "__main__.py" else path.name
    if program in _WEB_SERVERS:
        return WEB
    if program == "celery":
        return CELERY
    if program in _TEST_RUNNERS:
        return TEST
    if program in _MANAGE:
        return _COMMANDS.get(next(iter(arguments[1:]), ""), MANAGE)
    return OTHER
