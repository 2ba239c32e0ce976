"""A host may have an app labelled `monitoring`; a top-level package `monitoring` is told apart."""

import json
import subprocess
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.adoption.host import Environment, Host, adopt

MODELS = """
from django.db import models

class Threshold(models.Model):
    name = models.CharField(max_length=20)
"""
APP = """
from django.apps import AppConfig

class Config(AppConfig):
    name = "apps.monitoring"
"""
ADMIN = """
from django.contrib import admin
from apps.monitoring.models import Threshold

admin.site.register(Threshold)
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

app_name = "monitoring"
urlpatterns = [path("health/", lambda request: HttpResponse("theirs"), name="health")]
"""
SETTINGS = """
INSTALLED_APPS = [*INSTALLED_APPS, "apps.monitoring"]
MONITORING = {"WEBHOOK_TOKEN": "a-token-of-some-length"}
"""
# What the host's own code finds: its models and URLs, and ours beside them.
LOOK = """
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from apps.monitoring.models import Threshold as Theirs
from monitoring.models import AlertNotification, Threshold as Ours

Theirs.objects.create(name="theirs")
User.objects.create_superuser("anna", password="x")
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.get())
pages = ("monitoring/threshold", "multiprocess_exporter/threshold", "multiprocess_exporter/status")
print(*(client.get(f"/admin/{page}/").status_code for page in pages))
print(Theirs._meta.db_table, Ours._meta.db_table)
print(Theirs.objects.count(), Ours.objects.count() > 3)
print(reverse("monitoring:health"), reverse("multiprocess_exporter:health"))
"""
TOLD = """
from django.test import Client
from monitoring.models import AlertEvent

print(AlertEvent.objects.count())
"""
ALERT = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Down", "severity": "critical"},
            "annotations": {"summary": "It is down."},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "0123456789abcdef",
        }
    ],
}


def write(host: Host, files: dict[str, str]) -> None:
    for name, text in files.items():
        (host.work / name).parent.mkdir(parents=True, exist_ok=True)
        (host.work / name).write_text(text)


def test_a_host_s_app_labelled_monitoring_lives_beside_ours(
    environment: Environment, tmp_path: Path
) -> None:
    host = adopt(tmp_path / "site", environment, SETTINGS)
    write(
        host,
        {
            "apps/__init__.py": "",
            "apps/monitoring/__init__.py": "",
            "apps/monitoring/apps.py": APP,
            "apps/monitoring/models.py": MODELS,
            "apps/monitoring/admin.py": ADMIN,
            "apps/monitoring/urls.py": URLS,
        },
    )
    host.add("mysite/urls.py", 'urlpatterns += [path("own/", include("apps.monitoring.urls"))]')
    assert "no issues" in host.manage("check")
    host.manage("makemigrations", "monitoring", "--verbosity", "0")
    host.manage("migrate", "--verbosity", "0")
    host.manage("makemigrations", "--check", "--dry-run")
    found = host.manage("shell", "--verbosity", "0", "--command", LOOK).splitlines()[-4:]
    assert found == [
        "200 200 200",
        "monitoring_threshold multiprocess_exporter_threshold",
        "1 True",
        "/own/health/ /api/health/",
    ]
    with host.serve() as server:
        assert server.ask("/own/health/") == (200, "theirs")
        assert server.json("/api/health/")[0] == 200
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {
            "Authorization": "Bearer a-token-of-some-length",
            "Content-Type": "application/json",
        }
        connection.request("POST", "/api/alerts/webhook/", json.dumps(ALERT), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()
    assert host.manage("shell", "--verbosity", "0", "--command", TOLD).split()[-1] == "1"


@pytest.mark.parametrize("name", ["monitoring/__init__.py", "monitoring.py"])
def test_a_top_level_package_of_the_host_that_hides_ours_is_named(
    name: str, environment: Environment, tmp_path: Path
) -> None:
    host = adopt(tmp_path / "site", environment)
    write(host, {"monitoring/dashboards/note.txt": ""})  # a folder hides nothing
    assert "no issues" in host.manage("check")
    write(host, {name: "", "monitoring/urls.py": "urlpatterns = []"})
    hidden = f"{host.work / name} hides the package 'monitoring' of django-multiprocess-exporter"
    for command in (
        [environment.program("python"), "manage.py", "check"],
        [environment.program("gunicorn"), "-c", "gunicorn.conf.py", "mysite.wsgi"],
    ):
        done = subprocess.run(
            command,
            cwd=host.work,
            env=host.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0
        assert hidden in done.stderr
        assert "Rename it" in done.stderr
