"""Who is an admin, whatever user model a project has."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from rest_framework_simplejwt.tokens import AccessToken

from monitoring.alerts.admins import is_admin
from monitoring.conf import parse_settings
from monitoring.models import ThresholdChange
from tests.paths import ROOT

OWN = {
    "ADMINS": {
        "users": "tests.user_models.admins.users",
        "is_admin": "tests.user_models.admins.is_admin",
    }
}
BREAKS = {"ADMINS": {**OWN["ADMINS"], "is_admin": "tests.user_models.admins.breaks"}}
# What anna has, who is an admin; what makes ben a visitor; what takes carl's rights away.
COLUMNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "PropertyUser": ({"is_admin": True}, {"is_active": False}),
    "PropertiesUser": ({"role": "staff"}, {"has_left": True}),
    "PlainUser": ({"role": "staff"}, {"has_left": True}),
}
ASK = """
import json
from django.contrib.auth import get_user_model
from monitoring.models import AlertNotification
staff, gone = json.loads({columns!r})
anna, ben = make(email="anna@example.org", **staff), make(email="ben@example.org")
carl = make(email="carl@example.org", **staff, **gone)
print(json.dumps({{
    "webhook": tell().status_code,
    "told": sorted(AlertNotification.objects.values_list("user__email", flat=True)),
    "anna": client(anna).get("/api/metrics/thresholds/").status_code,
    "own": len(client(anna).get("/api/notifications/").json().get("notifications", ())),
    "ben": client(ben).get("/api/metrics/thresholds/").status_code,
    "carl": client(carl).get("/api/metrics/thresholds/").status_code,
    "nobody": client().get("/api/metrics/thresholds/").status_code,
    "check": [name for name in check_ids() if name.startswith(("monitoring.E", "monitoring.W008"))],
}}))
"""


def run(user_model: str, script: str, work: Path, monitoring: Any = None) -> Any:
    """What the script prints as JSON, on a host with this user model."""
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "tests.user_models.site"),
            *(user_model, json.dumps(monitoring or {}), script),
        ],
        cwd=work,
        env={
            "PATH": "",
            "PYTHONPATH": str(ROOT),
            "PROMETHEUS_MULTIPROC_DIR": str(work / "metrics"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("user_model", "monitoring"),
    [("PropertyUser", {}), ("PropertiesUser", {}), ("PlainUser", OWN)],
    ids=["a property", "two properties", "ADMINS"],
)
def test_admins_of_any_user_model_are_told_and_let_in(
    user_model: str, monitoring: Any, tmp_path: Path
) -> None:
    script = ASK.format(columns=json.dumps(COLUMNS[user_model]))
    found = run(user_model, script, tmp_path, monitoring)
    assert found["webhook"] == 200
    assert found["told"] == ["anna@example.org"]
    assert (found["anna"], found["own"]) == (200, 1)
    assert found["ben"] == 403
    assert found["carl"] in (401, 403)  # Django's backend ends the session of who is not active
    assert found["nobody"] == 401
    assert found["check"] == []


@pytest.mark.parametrize("user_model", ["PlainUser", "MethodUser"])
def test_without_is_staff_nobody_is_an_admin_and_check_says_how(
    user_model: str, tmp_path: Path
) -> None:
    found = run(
        user_model,
        "import json\n"
        "anna = make(email='anna@example.org')\n"
        "print(json.dumps({'webhook': tell().json(), 'check': check_ids(),"
        " 'anna': client(anna).get('/api/metrics/').status_code}))",
        tmp_path,
    )
    assert found["webhook"] == {"received": 1, "new": 1}
    assert found["anna"] == 403
    assert "monitoring.W008" in found["check"]


def test_a_function_that_fails_lets_nobody_in_and_is_logged(tmp_path: Path) -> None:
    found = run(
        "PlainUser",
        "import json, logging\n"
        "lines = []\n"
        "class Lines(logging.Handler):\n"
        "    def emit(self, record): lines.append(record.getMessage())\n"
        "logging.getLogger('monitoring').addHandler(Lines())\n"
        "anna = make(email='anna@example.org', role='staff')\n"
        "answer = client(anna).get('/api/metrics/thresholds/')\n"
        "print(json.dumps({'status': answer.status_code, 'lines': lines}))",
        tmp_path,
        BREAKS,
    )
    assert found["status"] == 403
    assert any("ADMINS" in line for line in found["lines"])


def test_a_coroutine_is_no_yes(tmp_path: Path) -> None:
    """What an `async def` returns is true, whatever it would say: each user would be an admin."""
    found = run(
        "PlainUser",
        "import json\n"
        "ben = make(email='ben@example.org')\n"
        "print(json.dumps({'ben': client(ben).get('/api/metrics/').status_code,"
        " 'check': check_ids()}))",
        tmp_path,
        {"ADMINS": {**OWN["ADMINS"], "is_admin": "tests.user_models.admins.later"}},
    )
    assert found["ben"] == 403
    assert "monitoring.E007" in found["check"]


def test_a_property_that_fails_lets_nobody_in() -> None:
    class Broken:
        is_authenticated = is_active = True

        @property
        def is_staff(self) -> bool:
            raise OSError("the directory of staff does not answer")

    class OldStyle:
        is_staff = is_active = True

        def is_authenticated(self) -> bool:
            return False

    assert not is_admin(Broken())
    assert not is_admin(OldStyle())


def test_without_users_check_names_the_fault_and_scrape_and_health_work(tmp_path: Path) -> None:
    found = run(
        "",
        "import json\n"
        "asked = {path: client().get(path) for path in ('/api/metrics/prometheus/',"
        " '/api/health/', '/api/health/ready/', '/api/metrics/', '/api/notifications/')}\n"
        "told = {path: [answer.status_code, answer.content.decode()]"
        " for path, answer in asked.items()}\n"
        "webhook = tell()\n"
        "print(json.dumps({**told, 'check': check_ids(),"
        " 'webhook': [webhook.status_code, webhook.content.decode()]}))",
        tmp_path,
    )
    assert found["/api/metrics/prometheus/"][0] == 200
    assert found["/api/health/"][0] == 200
    assert found["/api/health/ready/"][0] == 200, found["/api/health/ready/"]
    for closed in ("/api/metrics/", "/api/notifications/", "webhook"):
        status, text = found[closed]
        assert status == 503
        assert json.loads(text)["error"]["code"] == "no_users"
    assert "monitoring.E006" in found["check"]


@pytest.mark.django_db
def test_a_user_of_a_token_without_a_row_is_let_in_and_leaves_no_name() -> None:
    token = AccessToken()
    token["user_id"], token["is_staff"] = "4711", True
    headers = {"Authorization": f"Bearer {token}"}
    stateless = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [stateless]}):
        changed = Client().put(
            "/api/metrics/thresholds/",
            {"thresholds": {"error_rate": 7}},
            content_type="application/json",
            headers=headers,
        )
        own = Client().get("/api/notifications/", headers=headers)
    assert changed.status_code == own.status_code == 200
    assert own.json()["notifications"] == []
    assert ThresholdChange.objects.get().changed_by is None


@pytest.mark.parametrize(
    "given",
    [
        "shop.staff.users",
        {"users": "shop.staff.users"},
        {"users": "shop.staff.users", "is_admin": "nodots"},
        {"users": "shop.staff.users", "is_admin": "shop.staff.is_admin", "more": "a.b"},
    ],
)
def test_admins_names_both_functions_or_is_refused(given: Any) -> None:
    settings, problems = parse_settings({"ADMINS": given})
    assert len(problems) == 1
    assert settings.ADMINS == ()
    assert parse_settings(OWN)[1] == parse_settings({"ADMINS": {}})[1] == []
