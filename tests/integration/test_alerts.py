"""A burst of errors is told to each admin once, and once when it is over, whoever evaluates."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers.celery import CeleryWorker, run_celery
from tests.servers.gunicorn import ROOT, Gunicorn, environment, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.postgresql import PostgreSQL, run_postgresql
from tests.servers.redis import RedisServer, run_redis

INTERVAL_SECONDS = 6.0
TOKEN = "the-token-of-the-webhook"
MONITORING = {
    "ALERT_INTERVAL_SECONDS": INTERVAL_SECONDS,
    "ALERT_COOLDOWN_SECONDS": 3600,
    "ALERT_MIN_REQUESTS": 20,
    "CELERY_APP": "project.celery.app",
    "WEBHOOK_TOKEN": TOKEN,
}
ADMINS = ("anna", "ben")
MAKE_ADMINS = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken
User.objects.create_user("customer")
admins = [User.objects.create_user(name, is_staff=True) for name in sys.argv[1:]]
print(json.dumps({admin.username: str(AccessToken.for_user(admin)) for admin in admins}))
"""


@dataclass
class Site:
    """Four web workers, a Celery worker, and two beats by mistake."""

    web: Gunicorn
    redis: RedisServer
    postgresql: PostgreSQL
    worker: CeleryWorker
    tokens: dict[str, str]

    def call(
        self, method: str, path: str, body: object = None, token: str = "", raw: bytes | None = None
    ) -> tuple[int, Any]:
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self.web.address}{path}",
            data,
            {
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def told(self, admin: str) -> list[tuple[str, str]]:
        """What the admin was told, oldest first."""
        status, answer = self.call("GET", "/api/notifications/", token=self.tokens[admin])
        assert status == 200, answer
        return [(each["name"], each["status"]) for each in reversed(answer["notifications"])]

    def visit(self, path: str, times: int = 40) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.web.get, [path] * times))


@contextlib.contextmanager
def beat(work: Path, given: dict[str, str]) -> Iterator[None]:
    work.mkdir()
    program = str(Path(sys.executable).with_name("celery"))
    with (work / "beat.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-A", "project", "beat", "-s", str(work / "schedule"), "--pidfile", ""],
            cwd=ROOT,
            env=given,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("alerts")
    directory = work / "metrics"
    with run_postgresql() as postgresql, run_redis(work / "redis") as redis:
        extra = {
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": redis.url,
            "MONITORING": json.dumps(MONITORING),
            "DJANGO_SETTINGS_MODULE": "tests.database_site.settings",
        }
        given = environment(directory, work, **extra)
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=given, check=True, timeout=120)
        make = [sys.executable, "-c", MAKE_ADMINS, *ADMINS]
        made = subprocess.run(
            make, cwd=ROOT, env=given, check=True, timeout=60, capture_output=True
        )
        with (
            run_gunicorn(work / "web", directory=directory, **extra) as web,
            run_celery(work / "celery", given, "-c", "2") as worker,
            beat(work / "beat-1", given),
            beat(work / "beat-2", given),
        ):
            yield Site(web, redis, postgresql, worker, json.loads(made.stdout))


def test_a_burst_is_told_once_its_end_once_and_nothing_during_the_cooldown(site: Site) -> None:
    site.visit("/demo/ok/")
    time.sleep(INTERVAL_SECONDS)
    assert [site.told(admin) for admin in ADMINS] == [[], []]
    site.visit("/demo/error/", 60)
    firing = ("error_rate", "firing")
    started = time.monotonic()
    wait_for("the alert", lambda: all(site.told(admin) for admin in ADMINS), 60)
    # One interval, and what a loaded machine adds.
    assert time.monotonic() - started < 3 * INTERVAL_SECONDS + 15
    assert [site.told(admin) for admin in ADMINS] == [[firing], [firing]]
    over = [firing, ("error_rate", "resolved")]
    wait_for("its end", lambda: all(len(site.told(admin)) == 2 for admin in ADMINS), 60)
    assert [site.told(admin) for admin in ADMINS] == [over, over]
    site.visit("/demo/error/", 60)
    time.sleep(2 * INTERVAL_SECONDS)
    status, answer = site.call("POST", "/api/metrics/check-alerts/", token=site.tokens["anna"])
    assert status in (200, 409), answer
    assert [site.told(admin) for admin in ADMINS] == [over, over]


def test_a_threshold_is_changed_whole_or_not_at_all_and_shows_in_the_scrape(site: Site) -> None:
    url, token = "/api/metrics/thresholds/", site.tokens["anna"]
    status, before = site.call("GET", url, token=token)
    assert status == 200
    assert before["thresholds"]["error_rate"] == 10
    bad = {"thresholds": {"error_rate": 101, "active_sessions": 5, "unknown": 1}}
    status, answer = site.call("PUT", url, bad, token)
    assert status == 400
    assert set(answer["error"]["fields"]) == {"error_rate", "unknown"}
    assert site.call("GET", url, token=token) == (200, before)
    wanted = {"active_sessions": 77, "slow_request_count": None}
    status, answer = site.call("PUT", url, {"thresholds": wanted}, token)
    assert (status, answer) == (200, {"thresholds": {**before["thresholds"], **wanted}})

    def shown() -> bool:
        text = site.web.get("/api/metrics/prometheus/")[1]
        return (
            'monitoring_threshold{name="active_sessions"} 77.0' in text
            and 'name="error_rate"' in text
            and 'name="slow_request_count"' not in text
        )

    wait_for("the gauge", shown, 30)
    site.postgresql.send(signal.SIGSTOP)
    try:
        assert shown() or shown()
    finally:
        site.postgresql.send(signal.SIGCONT)


def message(status: str, fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    started = datetime(2026, 11, 24, 8, 0, tzinfo=UTC).isoformat()
    return {
        "version": "4",
        "status": status,
        "alerts": [
            {
                "status": status,
                "fingerprint": fingerprint,
                "labels": {"alertname": "DjangoListenBacklogFull", "severity": "critical"} | labels,
                "annotations": {"summary": "The backlog is full."},
                "startsAt": started,
                "endsAt": started if status == "resolved" else "0001-01-01T00:00:00Z",
            }
        ],
    }


def test_the_webhook_takes_what_is_right_and_nothing_twice(site: Site) -> None:
    url = "/api/alerts/webhook/"
    before = {admin: site.told(admin) for admin in ADMINS}
    for forged in ("", "another-token-of-a-webhook", site.tokens["anna"]):
        assert site.call("POST", url, message("firing"), forged)[0] == 401
    assert site.call("POST", url, raw=b" " * (1024 * 1024 + 1), token=TOKEN)[0] == 413
    assert site.call("POST", url, raw=b'{"version": "4", "alerts": [', token=TOKEN)[0] == 400
    status, answer = site.call("POST", url, {"version": "3", "alerts": []}, TOKEN)
    assert (status, set(answer["error"]["fields"])) == (400, {"version"})
    assert site.call("GET", url, token=TOKEN)[0] == 405
    assert {admin: site.told(admin) for admin in ADMINS} == before
    for status_text in ("firing", "resolved"):
        found = [site.call("POST", url, message(status_text), TOKEN) for _ in range(3)]
        assert found == [
            (200, {"received": 1, "new": 1}),
            (200, {"received": 1, "new": 0}),
            (200, {"received": 1, "new": 0}),
        ]
    for admin in ADMINS:
        assert site.told(admin) == [
            *before[admin],
            ("DjangoListenBacklogFull", "firing"),
            ("DjangoListenBacklogFull", "resolved"),
        ]


def test_a_notification_is_read_by_its_own_admin_alone(site: Site) -> None:
    list_url = "/api/notifications/"
    _, of_anna = site.call("GET", list_url, token=site.tokens["anna"])
    first = of_anna["notifications"][0]["id"]
    url = f"{list_url}{first}/read/"
    assert site.call("POST", url, token=site.tokens["ben"])[0] == 404
    for _ in range(2):
        status, answer = site.call("POST", url, token=site.tokens["anna"])
        assert (status, answer["is_read"]) == (200, True)
    _, after = site.call("GET", list_url, token=site.tokens["anna"])
    assert after["unread_count"] == of_anna["unread_count"] - 1
    _, of_ben = site.call("GET", list_url, token=site.tokens["ben"])
    assert of_ben["unread_count"] == len(of_ben["notifications"])


def test_a_broker_that_is_away_loses_no_state(site: Site) -> None:
    """Evaluations on demand go on; the schedule goes on when it is back."""
    site.redis.stop()
    try:
        before = {admin: len(site.told(admin)) for admin in ADMINS}
        sent = site.call("POST", "/api/alerts/webhook/", message("firing", "f2"), TOKEN)
        assert sent == (200, {"received": 1, "new": 1})
        assert {admin: len(site.told(admin)) - before[admin] for admin in ADMINS} == {
            "anna": 1,
            "ben": 1,
        }
        status, answer = site.call("POST", "/api/metrics/check-alerts/", token=site.tokens["ben"])
        assert status == 200, answer
    finally:
        site.redis.start()
