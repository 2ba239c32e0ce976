"""Who has nothing to do for an admin does without numpy and Django REST framework."""

from pathlib import Path

import pytest

from tests.servers.gunicorn import FOR_ADMINS
from tests.servers.scripts import run_script

SETUP = "import django; django.setup()"
MASTER = """
import runpy
hooks = runpy.run_path("gunicorn.conf.py")
hooks["pre_fork"](None, None)
"""
WORKER = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from project.wsgi import application
from django.test import Client
visitor = Client(headers={"host": "localhost"})
statuses = [visitor.get(path).status_code for path in ("/", "/admin/login/", "/nowhere/")]
assert statuses == [200, 200, 404], statuses
"""
ASKED_ABOUT_HEALTH = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
from monitoring.health import own_checks
own_checks.celery_app, own_checks.ping = object, lambda *_: ["celery@host"]
staff = Client(headers={"host": "localhost"})
staff.force_login(User.objects.create_user("staff", is_staff=True))
workers = staff.get("/api/health/").json()["checks"]["celery"]["workers"]
assert workers == ["celery@host"], workers
"""
ENTRY_POINTS = [
    "monitoring.middleware",
    "monitoring.gunicorn_hooks",
    "monitoring.urls",
    "monitoring.admin",
    "monitoring.models",
    "monitoring.tasks",
    "monitoring.tracking",
    "monitoring.db_logging",
    "monitoring.checks",
    "monitoring.management.commands.exporter",
    "monitoring.management.commands.health",
    "monitoring.templatetags.monitoring_alerts",
]


def imported_for_admins(script: str, directory: Path) -> list[str]:
    """Which packages for admins a process that runs the script has imported at its end."""
    tell = f"import sys; print('imported', *sorted(sys.modules.keys() & {set(FOR_ADMINS)!r}))"
    output = run_script(f"{script}\n{tell}", work=directory)
    word, *found = output.splitlines()[-1].split()
    assert word == "imported"
    return found


def test_what_is_imported_is_seen(tmp_path: Path) -> None:
    script = "import numpy, rest_framework"
    assert imported_for_admins(script, tmp_path) == ["numpy", "rest_framework"]


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_an_entry_point_imports_none_of_them(module: str, tmp_path: Path) -> None:
    assert imported_for_admins(f"{SETUP}\nimport {module}", tmp_path) == []


def test_the_middleware_and_the_hooks_import_none_without_the_app(tmp_path: Path) -> None:
    script = "import monitoring.middleware, monitoring.gunicorn_hooks"
    assert imported_for_admins(script, tmp_path) == []


def test_a_master_that_forks_workers_imports_none_of_them(tmp_path: Path) -> None:
    assert imported_for_admins(MASTER, tmp_path) == []


def test_a_worker_that_answers_visitors_imports_none_of_them(tmp_path: Path) -> None:
    assert imported_for_admins(WORKER, tmp_path) == []


def test_a_worker_that_a_session_asks_about_health_imports_none_of_them(tmp_path: Path) -> None:
    assert imported_for_admins(ASKED_ABOUT_HEALTH, tmp_path) == []


def test_the_app_imports_no_http_library(tmp_path: Path) -> None:
    tell = "import sys; print(sorted({'requests', 'urllib3', 'httpx', 'aiohttp'} & {*sys.modules}))"
    output = run_script(f"{WORKER}\n{tell}", work=tmp_path)
    assert output.splitlines()[-1] == "[]"
