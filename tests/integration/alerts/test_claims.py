"""Processes that do the same at one time, on each kind of database: it happens once."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.servers.gunicorn import environment
from tests.servers.mariadb import run_mariadb
from tests.servers.postgresql import run_postgresql

PROCESSES = 4
ROUNDS = 3

PREPARE = """
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
for name in ("anna", "ben"):
    User.objects.create_user(name, f"{name}@example.org", is_staff=True)
"""

# Each round begins at the same moment in all of them.
WORK = """
import sys, time
import django
django.setup()
from django.contrib.auth.models import User
from django.db import connection
from monitoring.alerts.evaluation import EvaluationRunningError, evaluate_if_due, evaluate_now
from monitoring.alerts.outbox import deliver_due
from monitoring.alerts.thresholds import change_thresholds
from monitoring.alerts.alertmanager import parse_webhook, receive_alerts

start, rounds, number = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
user = User.objects.get(username="anna")
figures = {"request_count": 1000, "error_rate": 50.0, "server_error_rate": 0.0,
           "avg_response_time": 5000.0, "p95_response_time": 9.0, "slow_requests_count": 0,
           "active_sessions": None}

def message(turn, **labels):
    return {"version": "4", "alerts": [{
        "status": "firing", "fingerprint": f"f{turn}", "labels": {"alertname": "A"} | labels,
        "startsAt": "2026-11-23T20:00:00Z", "endsAt": "0001-01-01T00:00:00Z"}]}

for turn in range(rounds):
    time.sleep(max(0.0, start + turn / 2 - time.time()))
    evaluate_if_due(lambda seconds: figures)
    receive_alerts(parse_webhook(message(turn)))
    receive_alerts(parse_webhook(message("t", threshold="error_rate")))
    change_thresholds({"slow_request_count": 100 * number + turn}, user)
    try:
        evaluate_now(lambda seconds: figures)
    except EvaluationRunningError:
        pass
    deliver_due()
"""

RESULT = """
import json
import django
django.setup()
from monitoring.models import AlertDelivery, AlertEvent, AlertNotification, ThresholdChange
changes = ThresholdChange.objects.order_by("pk").values_list("old_value", "new_value")
print(json.dumps({
    "events": sorted(AlertEvent.objects.values_list("name", flat=True)),
    "notifications": AlertNotification.objects.count(),
    "deliveries": sorted(set(AlertDelivery.objects.values_list("status", "attempts"))),
    "changes": list(changes),
}))
"""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A DATABASE_URL."""
    match request.param:
        case "sqlite":
            yield f"sqlite:///{tmp_path / 'db.sqlite3'}"
        case "postgresql":
            with run_postgresql() as postgresql:
                yield postgresql.url
        case "mariadb":
            with run_mariadb() as mariadb:
                yield mariadb.url


def test_alerts_and_changes_at_one_time(database: str, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    (tmp_path / "claims_settings.py").write_text(
        "from tests.database_site.settings import *\n"
        "EMAIL_BACKEND = 'django.core.mail.backends.filebased.EmailBackend'\n"
        f"EMAIL_FILE_PATH = {str(mails)!r}\n"
        "MONITORING = {'ALERT_EMAIL': True, 'ALERT_COOLDOWN_SECONDS': 3600}\n"
    )
    env = environment(
        tmp_path / "metrics",
        tmp_path,
        DATABASE_URL=database,
        DJANGO_SETTINGS_MODULE="claims_settings",
        PYTHONPATH=f"{tmp_path}:{ROOT}",
    )

    def start(script: str, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def output(process: "subprocess.Popen[str]") -> str:
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return said

    output(start(PREPARE))
    begin = str(time.time() + 4)
    for process in [start(WORK, begin, str(ROUNDS), str(n)) for n in range(1, PROCESSES + 1)]:
        output(process)
    found = json.loads(output(start(RESULT)))
    assert found["events"] == ["A"] * ROUNDS + ["avg_response_time", "error_rate"]
    assert found["notifications"] == 2 * (ROUNDS + 2)
    assert found["deliveries"] == [["sent", 1]]
    sent = "".join(path.read_text() for path in mails.iterdir()).count("\nSubject: ")
    assert sent == 2 * (ROUNDS + 2)
    changes = found["changes"]
    assert len(changes) == PROCESSES * ROUNDS
    assert [old for old, _ in changes] == [50.0, *(new for _, new in changes[:-1])]
