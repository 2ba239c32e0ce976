"""Cookies that anybody sends fill no memory, cost few queries, and hide nobody's session."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db, signed_cookies
from django.db import DataError, OperationalError
from django.test import RequestFactory, override_settings

from monitoring.instruments.requests import sessions
from monitoring.instruments.requests.sessions import SessionWatch

LOADED: list[str] = []


class SessionStore(db.SessionStore):
    """A store that has every session, but for those that its database refuses."""

    def load(self) -> dict[str, Any]:
        key = str(self.session_key)
        LOADED.append(key)
        if "refused" in key:
            raise DataError("a string literal cannot contain NUL (0x00) characters")
        if "down" in key:
            raise OperationalError("the server closed the connection")
        return {SESSION_KEY: "1"}


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    LOADED.clear()
    with override_settings(SESSION_ENGINE=__name__):
        yield


def request_with(session: Any) -> Any:
    request = RequestFactory().get("/", HTTP_COOKIE="sessionid=x")
    request.session = session
    return request


@pytest.mark.parametrize(
    "key", ["short", "with\0nul-in-it", "with a space", "\udcff" * 10, "語" * 10, "x" * 7900]
)
def test_what_is_no_session_key_is_never_looked_up(key: str) -> None:
    assert sessions._session(request_with(SessionStore(key))) is None


def test_a_session_in_a_cookie_is_looked_up_whatever_its_length() -> None:
    key = "x" * 2000
    assert sessions._session(request_with(signed_cookies.SessionStore(key))) is not None
    assert sessions._session(request_with(SessionStore("a" * 32))) is not None


def test_one_key_that_the_database_refuses_spoils_no_other() -> None:
    found, unread = sessions._logged_in(["first-session", "refused-session", "last-session"])
    assert set(found) == {"first-session", "last-session"}
    assert unread == set()


def test_a_database_that_is_away_is_asked_once_and_the_sessions_are_tried_again() -> None:
    found, unread = sessions._logged_in(["first-session", "down-session", "last-session"])
    assert set(found) == {"first-session"}
    assert unread == {"down-session", "last-session"}
    assert LOADED == ["first-session", "down-session"]


def test_look_ups_of_unknown_sessions_are_limited_for_each_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(sessions, "monotonic", lambda: now[0])
    watch = SessionWatch()
    batch = [sessions._Seen("session", f"session-{n:08}", is_known=False) for n in range(5000)]
    with override_settings(MONITORING={}):
        for _ in range(10):
            watch._record(batch)
        assert len(LOADED) == sessions._MAX_LOADS
        now[0] += 0.5
        watch._record(batch)
    assert len(LOADED) == 1.5 * sessions._MAX_LOADS


def test_the_newest_names_are_remembered_and_the_oldest_give_way() -> None:
    recent = sessions._Recent(1000)
    for number in range(10_000):
        recent.set(str(number), float(number))
        assert len(recent) <= 1000
    assert recent.time_of("9999") == 9999.0
    assert recent.time_of("9600") == 9600.0
    assert recent.time_of("0") == float("-inf")
    recent.forget("9999")
    assert recent.time_of("9999") == float("-inf")
