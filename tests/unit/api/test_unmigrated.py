"""A site that forgot `migrate` is told the command, and not shown a page of an error."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client, override_settings

from monitoring.conf import APP_LABEL
from tests.unit.api.identities import bearer

pytestmark = pytest.mark.django_db(transaction=True)

COMMAND = "python manage.py migrate"
TOKEN = "a-token-of-the-webhook"
FIRING = {"status": "firing", "fingerprint": "f", "startsAt": "2026-01-01T00:00:00Z", "labels": {}}
MESSAGE = {"version": "4", "alerts": [FIRING]}


def without(label: str) -> Iterator[None]:
    call_command("migrate", label, "zero", verbosity=0)
    try:
        yield
    finally:
        call_command("migrate", verbosity=0)


@pytest.fixture
def without_our_tables(admin: User) -> Iterator[None]:
    yield from without(APP_LABEL)


@pytest.fixture
def without_sessions(admin: User) -> Iterator[None]:
    yield from without("sessions")


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def assert_named(answer: Any) -> None:
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == "not_migrated"
    assert COMMAND in error["message"]


@pytest.mark.usefixtures("without_our_tables")
@pytest.mark.parametrize("atomic", [False, True])
def test_every_endpoint_that_needs_our_tables_names_the_command(
    client: Client, admin: User, atomic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "ATOMIC_REQUESTS", atomic)
    headers = bearer(admin)
    for path in ("metrics/thresholds", "notifications"):
        assert_named(client.get(f"/api/{path}/", headers=headers))
    assert_named(client.post("/api/metrics/check-alerts/", headers=headers))
    assert_named(
        client.put(
            "/api/metrics/thresholds/",
            {"thresholds": {"error_rate": 7}},
            content_type="application/json",
            headers=headers,
        )
    )
    with override_settings(MONITORING={"WEBHOOK_TOKEN": TOKEN}):
        assert_named(
            client.post(
                "/api/alerts/webhook/",
                MESSAGE,
                content_type="application/json",
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
        )
    # The figures need no table of ours.
    assert client.get("/api/metrics/", headers=headers).status_code == 200


@pytest.mark.usefixtures("without_sessions")
def test_a_session_without_its_table_is_told_the_command(client: Client) -> None:
    client.cookies["sessionid"] = "x" * 32
    assert_named(client.get("/api/metrics/"))


@pytest.mark.usefixtures("without_our_tables")
def test_ready_names_the_command(client: Client) -> None:
    answer = client.get("/api/health/ready/?check=migrations")
    assert answer.status_code == 503
    assert COMMAND in answer.json()["checks"]["migrations"]["message"]


@pytest.mark.usefixtures("without_our_tables")
@pytest.mark.parametrize(
    "page",
    [
        "threshold/",
        "threshold/error_rate/change/",
        "threshold/error_rate/delete/",
        "thresholdchange/",
        "thresholdchange/1/change/",
        "thresholdchange/1/history/",
        "alertnotification/",
        "alertnotification/1/change/",
    ],
)
def test_the_pages_of_the_admin_name_the_command(client: Client, admin: User, page: str) -> None:
    User.objects.update(is_superuser=True)
    client.force_login(admin)
    answer = client.get(f"/admin/{APP_LABEL}/{page}")
    assert answer.status_code == 503
    assert COMMAND in answer.content.decode()


def test_other_errors_of_the_database_stay_what_they_are(client: Client, admin: User) -> None:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {APP_LABEL}_threshold RENAME TO elsewhere")
    try:
        answer = client.get("/api/metrics/thresholds/", headers=bearer(admin))
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {APP_LABEL}_threshold")
    assert answer.status_code == 500


def tables_missing() -> list[str]:
    messages = run_checks(tags=["database"], databases=["default"])
    return [message.msg for message in messages if message.id == "monitoring.W009"]


@pytest.mark.usefixtures("without_our_tables")
def test_check_of_a_database_names_the_missing_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert APP_LABEL in tables_missing()[0]
    monkeypatch.setattr("sys.argv", ["manage.py", "migrate"])
    assert tables_missing() == []  # it is about to be done


def test_check_of_a_migrated_database_finds_nothing() -> None:
    assert tables_missing() == []
