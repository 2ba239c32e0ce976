"""Who gets what from every endpoint, by every method; errors have one shape."""

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from tests.unit.api.identities import IDENTITIES, METHODS, bearer, client_for

pytestmark = pytest.mark.django_db

READ_ONLY = [
    "/api/metrics/",
    "/api/metrics/cache/",
    "/api/metrics/database/",
    "/api/metrics/series/",
    "/api/schema/",
]


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("url", READ_ONLY)
def test_who_may_read(url: str, identity: str, admin: User, visitor: User) -> None:
    client, headers = client_for(identity, admin, visitor)
    for method in METHODS:
        response = getattr(client, method)(url, headers=headers)
        is_read = method in ("get", "head")
        assert response.status_code == (IDENTITIES[identity] if is_read else 405), method
        assert response["Content-Type"] == "application/json"
        assert response["Cache-Control"] == "no-store"
        if response.status_code == 401:
            assert response["WWW-Authenticate"]
        if response.status_code == 405:
            assert response["Allow"] == "GET, HEAD"
        if method != "head" and response.status_code != 200:
            error = response.json()["error"]
            assert set(error) == {"code", "message", "fields"}
            assert error["fields"] == {}


def test_a_name_and_a_password_make_a_token_that_is_let_in(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    credentials = {"username": "admin", "password": "x"}
    answer = client.post("/api/token/", credentials, content_type="application/json")
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['access']}"}
    assert client.get("/api/metrics/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code", "fields"),
    [
        ({"username": "admin", "password": "wrong"}, 401, "no_active_account", set()),
        ({"username": "nobody", "password": "x"}, 401, "no_active_account", set()),
        ({"username": "admin"}, 400, "invalid", {"password"}),
        ([1], 400, "invalid", {"non_field_errors"}),
    ],
)
def test_wrong_credentials_make_no_token(
    admin: User, body: object, status: int, code: str, fields: set[str]
) -> None:
    answer = Client().post("/api/token/", body, content_type="application/json")
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["code"], set(error["fields"])) == (code, fields)


@pytest.mark.parametrize("body", [b"{", b"\xff", b""])
def test_a_body_that_is_no_json_is_bad_input(admin: User, body: bytes) -> None:
    answer = Client().post("/api/token/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message", "fields"}


@pytest.mark.parametrize(
    "window",
    ["", "5", "-5m", "5m ", "5x", "0s", "25h", "ALL", "1e3s", "\u0665m", "m5", "5m1h", "9" * 99],
)
def test_a_bad_window_is_named(admin: User, window: str) -> None:
    answer = Client().get("/api/metrics/", {"window": window}, headers=bearer(admin))
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"]["window"][0].startswith("allowed is a duration")


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("24h", 86400), ("1d", 86400), ("all", None)],
)
def test_a_window_is_a_duration_or_all(admin: User, window: str, seconds: float | None) -> None:
    answer = Client().get("/api/metrics/", {"window": window}, headers=bearer(admin))
    assert answer.json()["window"]["requested_seconds"] == seconds


def test_the_default_window_is_an_hour(admin: User) -> None:
    answer = Client().get("/api/metrics/", headers=bearer(admin))
    assert answer.json()["window"]["requested_seconds"] == 3600


def test_json_whatever_is_asked_for(admin: User) -> None:
    headers = {**bearer(admin), "Accept": "text/html"}
    assert Client().get("/api/metrics/?format=xml", headers=headers).status_code == 200


@pytest.mark.parametrize("fallback", [False, True])
def test_prometheus_away_is_a_503_or_local_figures_that_say_so(admin: User, fallback: bool) -> None:
    monitoring = {"PROMETHEUS_URL": "http://127.0.0.1:9", "PROMETHEUS_FALLBACK": fallback}
    with override_settings(MONITORING=monitoring):
        answer = Client().get("/api/metrics/", headers=bearer(admin))
    if fallback:
        assert answer.status_code == 200
        assert answer.json()["source"] == "local"
        assert "Prometheus cannot be reached" in answer.json()["fallback_reason"]
    else:
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "unreachable"


@pytest.mark.parametrize(
    ("classes", "status"),
    [
        (["rest_framework.authentication.BasicAuthentication"], 200),
        (["rest_framework.authentication.SessionAuthentication"], 200),
        ([], 200),
    ],
)
def test_a_project_s_own_authentication_and_sessions_work(
    admin: User, classes: list[str], status: int
) -> None:
    with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": classes}):
        assert Client().get("/api/metrics/").status_code == 401
        client = Client()
        client.force_login(admin)
        assert client.get("/api/metrics/").status_code == status
        if "rest_framework.authentication.BasicAuthentication" in classes:
            basic = {"Authorization": "Basic YWRtaW46eA=="}  # admin:x
            assert Client().get("/api/metrics/", headers=basic).status_code == 200


def test_the_answer_is_what_the_schema_says(admin: User) -> None:
    schema = Client().get("/api/schema/", headers=bearer(admin)).json()
    assert set(schema["paths"]) >= {"/api/metrics/", "/api/schema/", "/api/token/"}
    summary = schema["components"]["schemas"]["Summary"]
    answer = Client().get("/api/metrics/", headers=bearer(admin)).json()
    assert set(answer) == set(summary["properties"]) == set(summary["required"])
