"""Thresholds, checks, notifications and the webhook: who may what, and what bodies they take."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from monitoring.alerts.alertmanager import MAX_BODY_BYTES
from monitoring.alerts.thresholds import current_thresholds
from monitoring.models import AlertEvent, AlertNotification
from tests.unit.alerts.webhook_messages import MESSAGE, message
from tests.unit.api.identities import IDENTITIES, METHODS, bearer, client_for

pytestmark = pytest.mark.django_db

THRESHOLDS = "/api/metrics/thresholds/"
CHECK = "/api/metrics/check-alerts/"
NOTIFICATIONS = "/api/notifications/"
READ = "/api/notifications/1/read/"
WEBHOOK = "/api/alerts/webhook/"
TOKEN = "the-token-of-the-webhook"

# By URL: the methods it has, and what an admin gets.
ALLOWED = {
    THRESHOLDS: {"get": 200, "head": 200, "put": 200},
    CHECK: {"post": 503},  # nothing is known of the window yet
    NOTIFICATIONS: {"get": 200, "head": 200},
    READ: {"post": 404},
}
BODY = json.dumps({"thresholds": {"error_rate": 5}})


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("url", ALLOWED)
def test_who_may_what(url: str, identity: str, admin: User, visitor: User) -> None:
    client, headers = client_for(identity, admin, visitor)
    for method in METHODS:
        body = {"data": BODY, "content_type": "application/json"} if method == "put" else {}
        response = getattr(client, method)(url, headers=headers, **body)
        expected = ALLOWED[url].get(method, 405)
        if expected != 405 and IDENTITIES[identity] != 200:
            expected = IDENTITIES[identity]
        if expected != 405 and identity.endswith("session") and method in ("put", "post"):
            # Sessions need the CSRF token.
            expected = 403 if expected in (200, 404, 503) else expected
        assert response.status_code == expected, method
        assert response["Content-Type"] == "application/json"
        assert response["Cache-Control"] == "no-store"
        if expected == 401:
            assert response["WWW-Authenticate"]
        if method != "head" and expected >= 400:
            assert set(response.json()["error"]) == {"code", "message", "fields"}
    may_change = identity == "admin by token" and url == THRESHOLDS
    assert current_thresholds()["error_rate"] == (5 if may_change else 10)


def test_a_session_with_its_csrf_token_may_change(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    client.get("/admin/password_change/")  # a page with a form
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    answer = client.put(THRESHOLDS, BODY, content_type="application/json", headers=headers)
    assert (answer.status_code, current_thresholds()["error_rate"]) == (200, 5)


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        (b'{"thresholds": {"error_rate": 5, "\\ud800": 1}}', 400, {"?"}),
        (b'{"thresholds": {"error_rate": 5, "avg_response_time": NaN}}', 400, set()),
        (b'{"thresholds": {"error_rate": 5, "avg_response_time": 1e999}}', 400, None),
        (b'{"thresholds": {"error_rate": 5}, "more": 1}', 400, {"more"}),
        (b'{"error_rate": 5}', 400, {"error_rate"}),
        (b'{"thresholds": {"error_rate": 5}', 400, set()),
        (b"[" * 60_000, 400, set()),
        (b'{"thresholds": {"error_rate": 5}}' + b" " * 65_536, 413, set()),
        (b'["thresholds"]', 400, {"thresholds"}),
        (b"\xff", 400, set()),
        (b"", 400, None),
    ],
)
def test_a_bad_body_is_refused_whole(
    admin: User, body: bytes, status: int, fields: set[str] | None
) -> None:
    answer = Client().put(THRESHOLDS, body, content_type="application/json", headers=bearer(admin))
    assert answer.status_code == status
    found = set(answer.json()["error"]["fields"])
    assert found == fields if fields is not None else found
    assert current_thresholds()["error_rate"] == 10


def test_a_body_that_is_no_json_by_its_type_is_refused(admin: User) -> None:
    form = "thresholds=5"
    answer = Client().put(THRESHOLDS, form, content_type="text/plain", headers=bearer(admin))
    assert answer.status_code == 415


def deliver(body: Any, token: str = TOKEN, **more: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"Authorization": f"Bearer {token}"}
    more = {"content_type": "application/json", "headers": headers} | more
    with override_settings(MONITORING={"WEBHOOK_TOKEN": TOKEN}):
        return Client(enforce_csrf_checks=True).post(WEBHOOK, data, **more)


def test_the_webhook_takes_a_message_once(admin: User) -> None:
    first, again = deliver(MESSAGE), deliver(MESSAGE)
    assert (first.status_code, first.json()) == (200, {"received": 1, "new": 1})
    assert (again.status_code, again.json()) == (200, {"received": 1, "new": 0})
    assert AlertNotification.objects.get().user == admin


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xff\x00",
    ],
)
def test_a_forged_message_is_a_401_that_asks_for_the_token(admin: User, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = deliver(MESSAGE, headers=headers)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert not AlertEvent.objects.exists()


def test_an_admin_s_own_token_does_not_open_the_webhook(admin: User) -> None:
    assert deliver(MESSAGE, headers=bearer(admin)).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x"])
def test_without_a_token_in_the_settings_nobody_is_let_in(header: str) -> None:
    with override_settings(MONITORING={}):
        answer = Client().post(
            WEBHOOK, MESSAGE, content_type="application/json", headers={"Authorization": header}
        )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b" " * MAX_BODY_BYTES, 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (b'{"version": "4", "alerts": NaN}', 400),
        (b'{"version": "4", "alerts": ' + b"9" * 5000 + b"}", 400),
        (message(labels={"alertname": "\ud800"}), 400),
        (message(fingerprint="\udfff"), 400),
        (message(startsAt="0001-01-01T00:00:00+01:00"), 400),
        (message(startsAt="9999-12-31T23:59:59-01:00"), 400),
    ],
)
def test_what_is_no_message_is_refused_and_nothing_kept(
    admin: User, body: object, status: int
) -> None:
    answer = deliver(body)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "fields"}
    assert not AlertEvent.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_message_counts_whatever_its_type_is_called(admin: User, content_type: str) -> None:
    assert deliver(json.dumps(MESSAGE).encode(), content_type=content_type).status_code == 200


def test_other_methods_are_a_405_whoever_asks() -> None:
    for method in METHODS:
        if method != "post":
            answer = getattr(Client(), method)(WEBHOOK)
            assert (answer.status_code, answer["Allow"]) == (405, "POST"), method


def test_a_long_list_comes_in_pages(admin: User) -> None:
    alerts = [message(fingerprint=f"f{number}")["alerts"][0] for number in range(120)]
    assert deliver(MESSAGE | {"alerts": alerts}).json() == {"received": 120, "new": 120}
    seen: list[int] = []
    before = ""
    for size in (50, 50, 20):
        answer = Client().get(f"{NOTIFICATIONS}?unread=1{before}", headers=bearer(admin)).json()
        assert (len(answer["notifications"]), answer["unread_count"]) == (size, 120)
        seen += [each["id"] for each in answer["notifications"]]
        before = f"&before={answer['next_before']}"
    assert answer["next_before"] is None
    assert seen == sorted(set(seen), reverse=True)
    for bad in ("before=0", "before=-1", "before=x", "before=9223372036854775808", "unread=2"):
        url = f"{NOTIFICATIONS}?{bad}"
        assert Client().get(url, headers=bearer(admin)).status_code == 400, bad


def test_one_s_own_is_marked_as_read_and_nobody_else_s(admin: User) -> None:
    other = User.objects.create_user("other", is_staff=True)
    deliver(MESSAGE)
    mine = AlertNotification.objects.get(user=admin)
    theirs = AlertNotification.objects.get(user=other)
    headers = bearer(admin)
    for _ in range(2):
        answer = Client().post(f"{NOTIFICATIONS}{mine.pk}/read/", headers=headers)
        assert (answer.status_code, answer.json()["is_read"]) == (200, True)
    for pk in (theirs.pk, 10**18, 10**30, 0, -1, "x"):
        answer = Client().post(f"{NOTIFICATIONS}{pk}/read/", headers=headers)
        assert answer.status_code == 404, pk
        assert set(answer.json()["error"]) == {"code", "message", "fields"}
    theirs.refresh_from_db()
    assert not theirs.is_read
