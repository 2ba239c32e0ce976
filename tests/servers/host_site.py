"""A project of somebody else's that mounts ours: two files in a folder, and processes in it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

_SETTINGS = """
SECRET_KEY = "x" * 50
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "host_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "monitoring", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "rest_framework",
]
MIDDLEWARE = [
    "monitoring.middleware.PerformanceMonitoringMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "host.sqlite3"}}
"""
_URLS = """
from django.urls import include, path
urlpatterns = [path("api/", include("monitoring.urls"))]
"""
_CLIENTS = """
import json
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
from django.test import Client
admin, anybody = Client(), Client()
admin.force_login(get_user_model().objects.get_or_create(username="anna", is_staff=True)[0])
"""


class HostSite:
    """`settings` and `urls` come after the usual lines; what they name is imported from `work`."""

    def __init__(self, work: Path, settings: str = "", urls: str = "") -> None:
        self.work = work
        (work / "host_settings.py").write_text(_SETTINGS + settings)
        (work / "host_urls.py").write_text(_URLS + urls)

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("-m", "django", *arguments)

    def script(self, text: str) -> str:
        """What the script prints; it has the test clients `admin` and `anybody`."""
        done = self._run("-c", _CLIENTS + text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.work,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{self.work}{os.pathsep}{ROOT}",
                "DJANGO_SETTINGS_MODULE": "host_settings",
                "PROMETHEUS_MULTIPROC_DIR": str(self.work / "metrics"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
