"""Alerts, the admin and the endpoints work in the database that the project's router gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

_SETTINGS = """
from pathlib import Path
HERE = Path(__file__).parent
SECRET_KEY = "for a test"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "elsewhere_urls"
INSTALLED_APPS = [
    "monitoring", "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages",
]
MIDDLEWARE = [
    "monitoring.middleware.PerformanceMonitoringMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]},
}]
MONITORING = {"WEBHOOK_TOKEN": "a-token-for-a-test", "SLOW_QUERY_LOG": ""}

def _sqlite(name):
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / name, "ATOMIC_REQUESTS": True}

DATABASES = {alias: _sqlite(alias) for alias in ("users", "ours")}
DATABASES["default"] = DEFAULT
DATABASE_ROUTERS = ["elsewhere_settings.Router"]

class Router:
    def _of(self, label):
        return "ours" if label == "multiprocess_exporter" else USERS
    def db_for_read(self, model, **hints):
        return self._of(model._meta.app_label)
    db_for_write = db_for_read
    def allow_migrate(self, db, app_label, **hints):
        return db == self._of(app_label)
"""
_URLS = """
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path("admin/", admin.site.urls), path("api/", include("monitoring.urls"))]
"""
_USE = """
import json, os
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
for alias in ("ours", settings.USERS):
    call_command("migrate", database=alias, verbosity=0)
from monitoring.alerts.evaluation import evaluate_if_due
from monitoring.alerts.states import AlertOutcome
from monitoring.alerts.events import create_event
from monitoring.alerts import events
from monitoring.alerts.threshold_gauges import ThresholdGauges
from monitoring.exposition.claims import ClaimedNames
from monitoring.models import AlertEvent, AlertNotification, ThresholdChange

anna = User.objects.create_superuser("anna", "anna@example.org", "secret")
client = Client()
client.force_login(anna)
found = {}
def note(name, response, expected=200):
    text = response.content.decode(errors="replace")
    found[name] = response.status_code if response.status_code == expected else text[:2000]
    return text

webhook = {"version": "4", "alerts": [{
    "status": "firing", "fingerprint": "1", "startsAt": "2026-01-01T00:00:00Z",
    "labels": {"alertname": "Down"}, "annotations": {}}]}
text = note("webhook", client.post("/api/alerts/webhook/", webhook, "application/json",
    headers={"authorization": "Bearer a-token-for-a-test"}))
found["new"] = json.loads(text).get("new")
note("put", client.put("/api/metrics/thresholds/", {"thresholds": {"error_rate": 7}},
    "application/json"))
note("get", client.get("/api/metrics/thresholds/"))
notifications = note("notifications", client.get("/api/notifications/"))
found["unread"] = json.loads(notifications)["unread_count"]
for page in ("", "multiprocess_exporter/threshold/", "multiprocess_exporter/thresholdchange/",
             "multiprocess_exporter/alertnotification/", "multiprocess_exporter/status/",
             f"multiprocess_exporter/thresholdchange/{ThresholdChange.objects.get().pk}/change/",
             f"multiprocess_exporter/alertnotification/{AlertNotification.objects.get().pk}/change/",
             f"auth/user/{anna.pk}/change/"):
    shown = note(page, client.get(f"/admin/{page}"))
    found["header" + page] = "1 unread alert" in shown
    if "thresholdchange/" in page:
        found["name" + page] = shown.count("anna") > 1
note("change", client.post("/admin/multiprocess_exporter/threshold/error_5Frate/change/",
    {"value": "8"}), 302)
note("ready", client.get("/api/health/ready/"))
figures = {"request_count": 1000, "error_rate": 50.0, "server_error_rate": 0.0,
    "avg_response_time": 1.0, "p95_response_time": 1.0, "slow_requests_count": 0,
    "active_sessions": 0}
done = evaluate_if_due(lambda seconds: figures)
found["fired"] = done.names_of(AlertOutcome.FIRED)
directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
gauge = list(ThresholdGauges(directory)(None, 2.0, ClaimedNames()))
found["gauge"] = {each.labels["name"]: each.value for family in gauge for each in family.samples}

# An event is stored whole or not at all.
def broken(*args):
    raise ZeroDivisionError
kept, events._deliveries = events._deliveries, broken
before = AlertEvent.objects.count()
try:
    create_event(events.NewEvent("k", "n", AlertEvent.Status.FIRING, AlertEvent.Severity.INFO,
        AlertEvent.Source.CELERY, timezone.now()))
except ZeroDivisionError:
    pass
found["left over"] = AlertEvent.objects.count() - before
events._deliveries = kept
note("delete", client.post(f"/admin/auth/user/{anna.pk}/delete/", {"post": "yes"}), 302)
found["notifications"] = AlertNotification.objects.count()
changes = ThresholdChange.objects.order_by("pk")
found["changes"] = list(changes.values_list("changed_by", "new_value"))
print(json.dumps(found))
"""


_HOSTS = {
    "with an empty default": ("{}", "users"),
    "with users in the default": ("_sqlite('default')", "default"),
}


@pytest.mark.parametrize(("default", "users"), _HOSTS.values(), ids=_HOSTS)
def test_everything_of_ours_is_where_the_router_says(
    default: str, users: str, tmp_path: Path
) -> None:
    settings = _SETTINGS.replace("DEFAULT\n", f"{default}\n") + f"\nUSERS = {users!r}\n"
    (tmp_path / "elsewhere_settings.py").write_text(settings)
    (tmp_path / "elsewhere_urls.py").write_text(_URLS)
    done = subprocess.run(
        [sys.executable, "-c", _USE],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{tmp_path}",
            "DJANGO_SETTINGS_MODULE": "elsewhere_settings",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    statuses = {name: status for name, status in found.items() if not isinstance(status, bool)}
    others = ("new", "unread", "fired", "gauge", "left over", "notifications", "changes")
    answers = {name: status for name, status in statuses.items() if name not in others}
    assert answers == {name: 302 if name in ("change", "delete") else 200 for name in answers}
    assert len(answers) == 14
    assert all(shown for shown in found.values() if isinstance(shown, bool)), found
    assert [found[name] for name in ("new", "unread", "fired")] == [1, 1, ["error_rate"]]
    assert found["gauge"]["error_rate"] == 8
    assert (found["left over"], found["notifications"]) == (0, 0)
    assert found["changes"] == [[None, 7], [None, 8]]
