"""One user is one session, whatever the session engine writes into the cookie."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from monitoring.instruments.requests.sessions import SessionWatch, count_active
from tests.servers.ports import wait_for
from tests.servers.redis import run_redis

ENGINES = ("cache", "file", "signed_cookies")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with (
        run_redis(tmp_path / "redis") as redis,
        override_settings(
            SESSION_ENGINE=f"django.contrib.sessions.backends.{request.param}",
            SESSION_SAVE_EVERY_REQUEST=True,
            SESSION_FILE_PATH=str(tmp_path),
            MONITORING={"REDIS_URL": redis.url},
        ),
    ):
        yield request.param


class Browser:
    """Keeps its cookie; a request is noted after its response, as the middleware does."""

    def __init__(self, watch: SessionWatch, user: int) -> None:
        self._watch = watch
        self._user = user
        self.cookies: list[str] = []

    def call(self) -> None:
        def view(request: HttpRequest) -> HttpResponse:
            request.session[SESSION_KEY] = str(self._user)
            request.session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            request.session[HASH_SESSION_KEY] = f"{self._user:064x}"
            request.session["last"] = time.time()
            return HttpResponse()

        request = self._request()
        response = SessionMiddleware(view)(request)
        assert isinstance(response, HttpResponse)
        self.cookies.append(response.cookies[settings.SESSION_COOKIE_NAME].value)
        self._watch.note(request)

    def call_unread(self, watch: SessionWatch) -> None:
        """A view that does not read the session; the watch loads it in the background."""
        request = self._request()
        SessionMiddleware(lambda _: HttpResponse()).process_request(request)
        watch.note(request)

    def _request(self) -> HttpRequest:
        cookie = self.cookies[-1] if self.cookies else "none"
        return RequestFactory(HTTP_COOKIE=f"{settings.SESSION_COOKIE_NAME}={cookie}").get("/")


def test_two_users_with_many_requests_are_two_sessions(engine: str) -> None:
    watch = SessionWatch()
    browsers = [Browser(watch, 1), Browser(watch, 2)]
    for _ in range(6):
        for browser in browsers:
            browser.call()
    wait_for("both", lambda: (count_active()[0] or 0) >= 2)
    for _ in range(3):
        for browser in browsers:
            browser.call()
            browser.call_unread(SessionWatch())  # of another worker
    time.sleep(1)  # a batch is sent after 0.2 s
    assert count_active() == (2, None)
    changes = len(set(browsers[0].cookies))
    assert changes == (9 if engine == "signed_cookies" else 1)
