"""Unread alerts and the status page in themes of the admin that have templates of their own."""

from pathlib import Path

import pytest

from tests.adoption.host import Environment, adopt

ALERTS = """
from datetime import datetime, UTC
from django.contrib.auth.models import User
from django.test import Client
from monitoring.models import AlertEvent, AlertNotification

anna = User.objects.create_superuser("anna", password="x")
event = AlertEvent.objects.create(
    key="1", name="x", status="firing", severity="critical", source="celery",
    starts_at=datetime(2026, 1, 1, tzinfo=UTC), created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
AlertNotification.objects.create(event=event, user=anna)
client = Client(SERVER_NAME="localhost")
client.force_login(anna)
for page in ("", "multiprocess_exporter/status/", "auth/user/"):
    answer = client.get(f"/admin/{page}")
    print(answer.status_code, answer.content.decode().count("1 unread alert"))
"""


CHECK = """
from django.core.checks import run_checks
for message in run_checks():
    print(message)
"""


@pytest.mark.parametrize("theme", ["jazzmin", "unfold"])
def test_a_theme_shows_unread_alerts_once_on_each_page(
    theme: str, environment: Environment, tmp_path: Path
) -> None:
    host = adopt(tmp_path / "site", environment, f'INSTALLED_APPS = ["{theme}", *INSTALLED_APPS]')
    assert "no issues" in host.manage("check")
    host.manage("migrate", "--verbosity", "0")
    pages = host.manage("shell", "--verbosity", "0", "--command", ALERTS).splitlines()[-3:]
    assert pages == ["200 1"] * 3


def test_a_theme_that_stands_before_ours_is_named(environment: Environment, tmp_path: Path) -> None:
    host = adopt(tmp_path / "site", environment)
    host.add("mysite/settings.py", 'INSTALLED_APPS = ["unfold", *INSTALLED_APPS]')
    told = host.manage("shell", "--verbosity", "0", "--command", CHECK)
    assert "monitoring.W004" in told
    assert "unfold/templates/admin/" in told
