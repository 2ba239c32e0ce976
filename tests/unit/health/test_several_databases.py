"""A database is judged by the migrations of the apps that the project's routers let in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

_SETTINGS = """
from pathlib import Path
SECRET_KEY = "for a test"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sites"]
DATABASES = {
    alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / alias}
    for alias in ("default", "second")
}
SITE_ID = 1

class Silent:
    pass

class Sites:
    def allow_migrate(self, db, app_label, **hints):
        return db == "second" if app_label == "sites" else db == "default"

class Routes:
    def db_for_read(self, model, **hints):
        return "second" if model._meta.app_label == "sites" else None
    db_for_write = db_for_read

class Nothing:
    def allow_migrate(self, db, app_label, **hints):
        return False if db == "second" else None
"""
_PROBE = """
import json, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connections
from monitoring.health import CheckError
from monitoring.health.own_checks import migrations_probes
for arguments in json.loads(sys.argv[1]):
    call_command("migrate", *arguments, database="second", verbosity=0)
try:
    finding = migrations_probes()["migrations:second"](2.0, None)
except CheckError as error:
    finding = error.finding
print(finding.status, finding.message, sep="\\n")
connections.close_all()
"""


def second_after(routers: list[str], migrated: list[list[str]], directory: Path) -> tuple[str, str]:
    """Status and message for the migrations of `second`, after `migrate` with these arguments."""
    paths = [f"several_settings.{name}" for name in routers]
    (directory / "several_settings.py").write_text(f"{_SETTINGS}\nDATABASE_ROUTERS = {paths}\n")
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps(migrated)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{directory}",
            "DJANGO_SETTINGS_MODULE": "several_settings",
            "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, message = done.stdout.splitlines()
    return status, message


@pytest.mark.parametrize(
    ("routers", "migrated", "status"),
    [
        pytest.param(["Sites"], [["sites"]], "healthy", id="all of the apps that live there"),
        pytest.param(["Sites"], [["sites", "0001"]], "unhealthy", id="a part of an app's"),
        pytest.param(["Sites"], [], "unhealthy", id="empty, though an app may migrate there"),
        pytest.param(["Routes"], [], "unhealthy", id="empty, though models are stored there"),
        pytest.param(["Nothing"], [], "disabled", id="nothing may migrate there"),
        pytest.param(["Silent"], [], "disabled", id="no router names it"),
        pytest.param([], [], "disabled", id="another system's"),
        pytest.param([], [["sites"]], "unhealthy", id="without a router, all apps are wanted"),
    ],
)
def test_the_routers_say_what_a_database_needs(
    routers: list[str], migrated: list[list[str]], status: str, tmp_path: Path
) -> None:
    assert second_after(routers, migrated, tmp_path)[0] == status


def test_the_command_for_a_database_other_than_default_has_its_option(tmp_path: Path) -> None:
    _, message = second_after(["Sites"], [], tmp_path)
    assert "migrate --database" in message
    assert "second" not in message  # the answer is public; the log has the alias
