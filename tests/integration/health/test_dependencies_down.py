"""Health endpoints of a real site: each dependency killed and stopped, and back again."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.paths import ROOT
from tests.servers.celery import CeleryWorker, run_celery
from tests.servers.gunicorn import Gunicorn, environment, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.postgresql import PostgreSQL, run_postgresql
from tests.servers.redis import RedisServer, run_redis

HEALTH, LIVE, READY = "/api/health/", "/api/health/live/", "/api/health/ready/"
SHARE_SECONDS = 0.5
# Deadlines are 2 s for a check and 2.5 s in all; the machine may be busy.
SLACK_SECONDS = 6.0

MONITORING = {
    "HEALTH_SHARE_MS": 1000 * SHARE_SECONDS,
    "HEALTH_CHECK_TIMEOUT_MS": 2000,
    "HEALTH_TIMEOUT_MS": 2500,
    "CELERY_APP": "project.celery.app",
}


@dataclass
class Site:
    """The project with everything it depends on."""

    web: Gunicorn
    postgresql: PostgreSQL
    redis: RedisServer
    worker: CeleryWorker
    environment: dict[str, str]

    def ask(self, path: str = HEALTH, method: str = "GET", **headers: str) -> "Answer":
        connection = http.client.HTTPConnection(self.web.host, self.web.port, timeout=20)
        started = time.monotonic()
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        return Answer(
            response.status, text, dict(response.getheaders()), time.monotonic() - started
        )

    def wait_until(self, **statuses: str) -> None:
        """Until these checks have these statuses."""

        def seen() -> bool:
            checks = self.ask().json()["checks"]
            return all(checks[name]["status"] == status for name, status in statuses.items())

        wait_for(f"{statuses}", seen, 30)


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str]
    seconds: float

    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("health")
    directory = work / "metrics"
    with run_postgresql() as postgresql, run_redis(work / "redis") as redis:
        extra = {
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": redis.url,
            "MONITORING": json.dumps({**MONITORING, "REDIS_URL": redis.url}),
            "DJANGO_SETTINGS_MODULE": "tests.database_site.settings",
        }
        given = environment(directory, work, **extra)
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=given, check=True, timeout=60)
        with (
            run_celery(work / "celery", given) as worker,
            run_gunicorn(
                work / "web",
                *("-k", "gthread", "--threads", "16"),
                directory=directory,
                workers=2,
                **extra,
            ) as web,
        ):
            running = Site(web, postgresql, redis, worker, given)
            running.wait_until(database="healthy", redis="healthy", celery="healthy")
            yield running


@pytest.fixture
def healthy(site: Site) -> Iterator[Site]:
    site.wait_until(database="healthy", redis="healthy", celery="healthy")
    yield site
    site.postgresql.send(signal.SIGCONT)
    if site.redis.process is None:
        site.redis.start()
    site.redis.signal(signal.SIGCONT)
    site.worker.signal(signal.SIGCONT)


def test_everything_well_is_healthy_in_the_documented_shape(healthy: Site) -> None:
    answer = healthy.ask()
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["status"] == "healthy"
    assert abs(body["timestamp"] - time.time()) < 30
    assert set(body["checks"]) == {"database", "redis", "celery"}
    for check in body["checks"].values():
        assert check["status"] == "healthy"
        assert check["duration_ms"] > 0
    assert body["checks"]["celery"]["workers"] == ["celery@…"]
    assert body["checks"]["celery"]["message"] == "1 worker answers."


@pytest.mark.parametrize("trouble", ["killed", "stopped"])
def test_a_database_in_trouble_is_unhealthy_within_the_deadline_and_recovers(
    trouble: str, healthy: Site
) -> None:
    if trouble == "killed":
        healthy.postgresql.kill()
    else:
        healthy.postgresql.send(signal.SIGSTOP)
    time.sleep(SHARE_SECONDS)
    answer = healthy.ask()
    ready = healthy.ask(READY)
    assert (answer.status, answer.json()["status"]) == (503, "unhealthy")
    assert answer.json()["checks"]["database"]["status"] == "unhealthy"
    assert answer.json()["checks"]["redis"]["status"] == "healthy"
    assert ready.status == 503
    assert max(answer.seconds, ready.seconds) < SLACK_SECONDS
    assert healthy.ask(LIVE).status == 200
    if trouble == "killed":
        healthy.postgresql.start()
    else:
        healthy.postgresql.send(signal.SIGCONT)
    healthy.wait_until(database="healthy")


@pytest.mark.parametrize("trouble", ["killed", "stopped"])
def test_redis_in_trouble_degrades_within_the_deadline_and_recovers(
    trouble: str, healthy: Site
) -> None:
    if trouble == "killed":
        healthy.redis.stop()
    else:
        healthy.redis.signal(signal.SIGSTOP)
    time.sleep(SHARE_SECONDS)
    answer = healthy.ask()
    assert (answer.status, answer.json()["status"]) == (200, "degraded")
    statuses = {name: check["status"] for name, check in answer.json()["checks"].items()}
    assert statuses == {"database": "healthy", "redis": "unhealthy", "celery": "unhealthy"}
    assert answer.seconds < SLACK_SECONDS
    if trouble == "killed":
        healthy.redis.start()
    else:
        healthy.redis.signal(signal.SIGCONT)
    healthy.wait_until(redis="healthy", celery="healthy")


@pytest.mark.parametrize("trouble", ["killed", "stopped"])
def test_a_celery_worker_in_trouble_degrades_and_recovers(trouble: str, healthy: Site) -> None:
    if trouble == "killed":
        healthy.worker.kill()
    else:
        healthy.worker.signal(signal.SIGSTOP)
    time.sleep(SHARE_SECONDS)
    answer = healthy.ask()
    assert (answer.status, answer.json()["status"]) == (200, "degraded")
    celery = answer.json()["checks"]["celery"]
    assert (celery["status"], celery["workers"]) == ("unhealthy", [])
    assert answer.seconds < SLACK_SECONDS
    if trouble == "killed":
        healthy.worker.start()
    else:
        healthy.worker.signal(signal.SIGCONT)
    healthy.wait_until(celery="healthy")


def test_500_requests_at_once_run_each_check_once_per_sharing_time(healthy: Site) -> None:
    """Each check of Redis sets one key with a TTL; each of PostgreSQL is a session."""
    sessions = "SELECT sum(sessions) FROM pg_stat_database WHERE datname = 'postgres'"
    sessions_before = int(healthy.postgresql.sql(sessions))
    time.sleep(SHARE_SECONDS)  # a fast machine answers all 500 from the last result
    with healthy.redis.client() as client:
        before = client.info("commandstats")["cmdstat_set"]["calls"]
        started = time.monotonic()
        with ThreadPoolExecutor(100) as threads:
            answers = list(threads.map(lambda _: healthy.ask(), range(500)))
        seconds = time.monotonic() - started
        runs = client.info("commandstats")["cmdstat_set"]["calls"] - before
    assert {answer.status for answer in answers} == {200}
    most = seconds / SHARE_SECONDS + 1
    assert 1 <= runs <= most
    time.sleep(1.5)  # PostgreSQL's statistics come with a delay
    # psql's own are among them.
    assert int(healthy.postgresql.sql(sessions)) - sessions_before <= most + 3


def test_nothing_in_an_answer_tells_about_the_inside(healthy: Site) -> None:
    texts = [healthy.ask().text]
    healthy.redis.stop()
    healthy.worker.kill()
    time.sleep(SHARE_SECONDS)
    texts += [healthy.ask().text, healthy.ask(READY).text]
    texts.append(healthy.ask("/api/health/?check=secret-probe").text)
    healthy.redis.start()
    healthy.worker.start()
    host = os.uname().nodename
    for text in texts:
        assert not re.search(r"Error|Exception|Traceback|\d+\.\d+\.\d+|127\.|localhost", text)
        assert f"@{host}" not in text
        assert "secret-probe" not in text
        assert str(ROOT) not in text


def test_the_endpoints_take_get_and_head_alone(healthy: Site) -> None:
    for path in (HEALTH, LIVE, READY):
        assert healthy.ask(path, "POST").status == 405
        head = healthy.ask(path, "HEAD")
        assert (head.status, head.text) == (200, "")
        assert head.headers["Cache-Control"] == "no-store"


def test_a_subset_may_be_asked_for_and_plain_text(healthy: Site) -> None:
    subset = healthy.ask("/api/health/?check=redis,database").json()
    assert set(subset["checks"]) == {"redis", "database"}
    unknown = healthy.ask("/api/health/?check=redis&check=nonsense")
    assert unknown.status == 400
    assert set(unknown.json()["error"]["fields"]) == {"check"}
    plain = healthy.ask(Accept="text/plain")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert plain.text.splitlines()[0] == "healthy"


def test_health_requests_are_no_traffic(healthy: Site) -> None:
    for path in (HEALTH, LIVE, READY):
        healthy.ask(path)
    assert not [name for name, labels in healthy.web.scrape() if "/health/" in str(labels)]


def test_the_command_says_the_same_by_its_exit_status(healthy: Site) -> None:
    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", "health", *arguments],
            cwd=ROOT,
            env=healthy.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = command()
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "healthy")
    healthy.redis.stop()
    time.sleep(SHARE_SECONDS)
    assert command("--text").returncode == 1
    healthy.redis.start()
    healthy.postgresql.send(signal.SIGSTOP)
    time.sleep(SHARE_SECONDS)
    assert command("--check", "database").returncode == 2
    assert command("--check", "nonsense").returncode == 2
