"""A burst of errors is told to each admin once, and once when it is over, whoever evaluates."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from project.run.watching import prepare
from tests.paths import ROOT
from tests.servers.celery import CeleryWorker, run_celery
from tests.servers.exporter import run_exporter
from tests.servers.gunicorn import Gunicorn, environment, run_gunicorn
from tests.servers.json_requests import answer_of
from tests.servers.ports import wait_for
from tests.servers.postgresql import PostgreSQL, run_postgresql
from tests.servers.prometheus import Prometheus
from tests.servers.redis import RedisServer, run_redis
from tests.servers.smtp import MailServer

INTERVAL_SECONDS = 6.0
TOKEN = "the-token-of-the-webhook"
MONITORING = {
    "ALERT_INTERVAL_SECONDS": INTERVAL_SECONDS,
    "ALERT_COOLDOWN_SECONDS": 3600,
    "ALERT_EMAIL": True,
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
admins = [
    User.objects.create_user(name, f"{name}@example.org", is_staff=True) for name in sys.argv[1:]
]
print(json.dumps({admin.username: str(AccessToken.for_user(admin)) for admin in admins}))
"""


@dataclass
class Site:
    """Four web workers, a Celery worker, and two beats by mistake."""

    web: Gunicorn
    redis: RedisServer
    postgresql: PostgreSQL
    worker: CeleryWorker
    mail: MailServer
    directory: Path
    environment: dict[str, str]
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
        return answer_of(request)

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
    mail = MailServer()  # which is away
    with run_postgresql() as postgresql, run_redis(work / "redis") as redis:
        extra = {
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": redis.url,
            "EMAIL_PORT": str(mail.port),
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
            run_gunicorn(work / "web", directory=directory, workers=4, **extra) as web,
            run_celery(work / "celery", given, "-c", "2") as worker,
            beat(work / "beat-1", given),
            beat(work / "beat-2", given),
        ):
            tokens = json.loads(made.stdout)
            yield Site(web, redis, postgresql, worker, mail, directory, extra, tokens)


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


def test_a_threshold_is_changed_whole_or_not_at_all_and_shows_in_the_scrape(
    site: Site, tmp_path: Path
) -> None:
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

    def shown(text: str) -> bool:
        return (
            'monitoring_threshold{name="active_sessions"} 77.0' in text
            and 'name="error_rate"' in text
            and 'name="slow_request_count"' not in text
        )

    wait_for("the gauge", lambda: shown(site.web.get("/api/metrics/prometheus/")[1]), 30)
    with run_exporter(tmp_path, directory=site.directory, env=site.environment) as exporter:
        wait_for("the exporter's", lambda: shown(exporter.get().text), 30)
        site.postgresql.send(signal.SIGSTOP)
        try:
            time.sleep(6)  # longer than it takes to ask again
            assert shown(exporter.get().text)
            with run_exporter(
                tmp_path / "new", directory=site.directory, env=site.environment
            ) as started:
                assert shown(started.get().text)
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


def test_a_mail_server_that_is_away_delays_mail_alone(site: Site) -> None:
    """All notifications above came without it; it is tried again, and each mail comes once."""
    pending = "FROM multiprocess_exporter_alertdelivery WHERE status = 'pending'"
    due = int(site.postgresql.sql(f"SELECT count(*) {pending} AND channel = 'email'"))
    assert due >= len(ADMINS)
    assert site.mail.mails == []
    with site.mail.running():
        # The pause before the next attempt is over at once.
        site.postgresql.sql(
            "UPDATE multiprocess_exporter_alertdelivery SET next_attempt_at = now()"
        )
        wait_for("all mails", lambda: len(site.mail.mails) >= due, 60)
        time.sleep(INTERVAL_SECONDS)
    assert len(site.mail.mails) == due
    subjects = [(to, str(mail["Subject"])) for to, mail in site.mail.mails]
    assert len(set(subjects)) >= len(ADMINS)
    assert ("anna@example.org", "[FIRING] error_rate") in subjects
    assert int(site.postgresql.sql(f"SELECT count(*) {pending}")) == 0


def test_alertmanager_delivers_the_bundled_rules_alerts_each_once(
    site: Site, tmp_path: Path
) -> None:
    """With a rule and the evaluation about one threshold, there is one notification."""
    change = {"thresholds": {"slow_request_count": 1}}
    assert site.call("PUT", "/api/metrics/thresholds/", change, site.tokens["anna"])[0] == 200
    with (
        run_exporter(
            tmp_path / "exporter", directory=site.directory, env=site.environment
        ) as exporter,
        run_watchers(tmp_path / "watchers", site.web.address, exporter.address) as prometheus,
    ):
        wait_for("a scrape", lambda: prometheus.query("count_over_time(http_requests_total[1m])>3"))
        site.visit("/demo/error/", 60)
        site.visit("/demo/slow/?ms=1100", 8)

        def told() -> set[tuple[str, str]]:
            return set(site.told("ben"))

        wait_for("both", lambda: told() >= {BURN, SLOW}, 90)
        time.sleep(8)  # Alertmanager repeats all of it every second
        fired = prometheus.query('ALERTS{alertname="DjangoErrorBudgetBurn",severity="critical"}')
        for admin in ADMINS:
            all_told = site.told(admin)
            assert all_told.count(SLOW) == 1
            assert all_told.count(BURN) == len(fired) >= 1


BURN = ("DjangoErrorBudgetBurn", "firing")
SLOW = ("slow_request_count", "firing")


@contextlib.contextmanager
def run_watchers(work: Path, site: str, exporter: str) -> Iterator[Prometheus]:
    """Those of `make run`, with this repository's files, but that nothing waits for minutes."""
    watchers = prepare(work, f"http://{site}", f"http://{exporter}", TOKEN)
    rules = work / "prometheus" / "rules"
    files = {path.name: path.read_text() for path in rules.glob("*.yml")}
    rules.unlink()
    rules.mkdir()
    for name, text in files.items():
        quick = re.sub(r"(?m)^(\s+for|\s+keep_firing_for): .*", r"\1: 0s", text)
        (rules / name).write_text(quick)
    for path, pattern in (
        (
            work / "prometheus" / "prometheus.yml",
            r"((?:scrape|evaluation)_interval|scrape_timeout)",
        ),
        (
            work / "alertmanager" / "alertmanager.yml",
            r"(group_wait|group_interval|repeat_interval)",
        ),
    ):
        path.write_text(re.sub(rf"{pattern}: \w+", r"\1: 1s", path.read_text()))
    with contextlib.ExitStack() as stack:
        for watcher in watchers:
            log = stack.enter_context((work / f"{watcher.name}.log").open("wb"))
            process = subprocess.Popen(watcher.command, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        prometheus = Prometheus(f"http://{watchers[0].address}")
        wait_for("Prometheus", lambda: prometheus.query("vector(1)"))
        yield prometheus
