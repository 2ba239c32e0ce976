"""Health shows the full names of Celery's workers to admins alone, and asks nobody for nothing."""

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any, cast

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject

from monitoring.api.asker import Asker
from monitoring.health import own_checks
from monitoring.primitives.per_process import per_process
from tests.unit.api import countable_sessions
from tests.unit.api.identities import IDENTITIES, client_for

# Who asks is looked up in a thread, which sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

HEALTH = "/api/health/?check=celery"
NAMES = ["celery@host-1", "slow@host-2"]
HIDDEN = ["celery@…", "slow@…"]
MADE_UP = "x" * 32  # a session key
PATIENT = {"HEALTH_TIMEOUT_MS": 60_000, "HEALTH_CHECK_TIMEOUT_MS": 60_000}
UNSHARED = {**PATIENT, "HEALTH_SHARE_MS": 0.001}
SHARED = {**PATIENT, "HEALTH_SHARE_MS": 60_000}


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The workers that answer a ping over the broker."""
    names = list(NAMES)
    monkeypatch.setattr(own_checks, "celery_app", object)
    monkeypatch.setattr(own_checks, "ping", lambda *_: list(names))
    with override_settings(MONITORING=UNSHARED):
        yield names


@pytest.fixture(autouse=True)
def _asker_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.api.health.asker", per_process(Asker))


@pytest.fixture
def sessions() -> Iterator[Any]:
    countable_sessions.loads.clear()
    countable_sessions.errors.clear()
    countable_sessions.may_load.set()
    with override_settings(SESSION_ENGINE=countable_sessions.__name__):
        yield countable_sessions
    countable_sessions.may_load.set()


def celery(answer: Any) -> dict[str, Any]:
    return dict(answer.json()["checks"]["celery"])


@pytest.mark.parametrize("identity", IDENTITIES)
def test_only_admins_see_the_hosts_of_workers(identity: str, admin: User, visitor: User) -> None:
    client, headers = client_for(identity, admin, visitor)
    answer = client.get(HEALTH, headers=headers)
    expected = NAMES if IDENTITIES[identity] == 200 else HIDDEN
    assert (answer.status_code, celery(answer)["workers"]) == (200, expected)


def test_an_answer_is_kept_by_no_cache_and_depends_on_who_asks() -> None:
    answer = Client().get(HEALTH)
    assert answer.headers["Cache-Control"] == "no-store"
    assert {"Accept", "Cookie", "Authorization"} <= set(answer.headers["Vary"].split(", "))


@pytest.mark.parametrize(("count", "message"), [(1, "1 worker answers."), (2, "2 workers answer.")])
def test_everybody_sees_how_many_workers_answer(
    count: int, message: str, workers: list[str]
) -> None:
    del workers[count:]
    assert celery(Client().get(HEALTH))["message"] == message
    assert message in Client().get(HEALTH, headers={"Accept": "text/plain"}).text


def test_the_setting_shows_the_hosts_to_everybody(sessions: Any) -> None:
    with override_settings(MONITORING={**UNSHARED, "HEALTH_WORKER_HOSTS": True}):
        assert celery(with_session(HEALTH))["workers"] == NAMES
    assert sessions.loads == []


def test_a_request_without_credentials_looks_nobody_up(sessions: Any) -> None:
    assert celery(Client().get(HEALTH))["workers"] == HIDDEN
    assert sessions.loads == []


@pytest.mark.parametrize("path", ["/api/health/?check=database", "/api/health/live/"])
def test_an_answer_that_names_no_worker_looks_nobody_up(path: str, sessions: Any) -> None:
    assert with_session(path).status_code == 200
    assert sessions.loads == []


def test_plain_text_looks_nobody_up(sessions: Any) -> None:
    with_session(HEALTH, Accept="text/plain")
    assert sessions.loads == []


def test_a_made_up_session_is_looked_up_once(sessions: Any) -> None:
    assert celery(with_session(HEALTH))["workers"] == HIDDEN
    assert sessions.loads == [MADE_UP]


def test_while_a_database_is_known_not_to_answer_nobody_is_looked_up(sessions: Any) -> None:
    dead = {**UNSHARED, "HEALTH_DATABASES": ["misspelt"]}
    with override_settings(MONITORING=dead):
        answer = with_session("/api/health/?check=celery,database")
    assert (answer.status_code, celery(answer)["workers"]) == (503, HIDDEN)
    assert sessions.loads == []


def test_a_session_store_that_fails_gives_the_public_answer(sessions: Any) -> None:
    sessions.errors.append(OSError("the store is away"))
    answer = with_session(HEALTH)
    assert (answer.status_code, celery(answer)["workers"]) == (200, HIDDEN)
    assert sessions.loads == [MADE_UP]


def test_while_a_look_up_hangs_there_is_no_other() -> None:
    looked_up: list[str] = []
    may_end = threading.Event()

    def find_user() -> AnonymousUser:
        looked_up.append(threading.current_thread().name)
        may_end.wait()
        return AnonymousUser()

    def request() -> HttpRequest:
        made = RequestFactory().get(HEALTH)
        made.COOKIES["sessionid"] = MADE_UP
        made.user = cast(Any, SimpleLazyObject(find_user))
        return made

    asker = Asker()
    try:
        assert not asker.is_admin(request(), monotonic() + 0.3)
        assert not asker.is_admin(request(), monotonic() + 60)
        assert len(looked_up) == 1
    finally:
        may_end.set()


def test_a_look_up_that_hangs_delays_one_answer_and_then_there_is_a_pause(
    sessions: Any,
) -> None:
    Client().get(HEALTH)
    sessions.may_load.clear()
    with override_settings(MONITORING={**SHARED, "HEALTH_TIMEOUT_MS": 300}):
        first = with_session(HEALTH)
        sessions.may_load.set()
        second = with_session(HEALTH)
    assert [celery(answer)["workers"] for answer in (first, second)] == [HIDDEN, HIDDEN]
    assert sessions.loads == [MADE_UP]


def with_session(path: str, **headers: str) -> Any:
    client = Client(headers=headers)
    client.cookies["sessionid"] = MADE_UP
    return client.get(path)
