"""What a real Celery worker's signals leave: exact over recycled and killed children."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.exposition.scrape import Scraper
from tests.paths import ROOT
from tests.servers.celery import CeleryWorker, run_celery
from tests.servers.exporter import run_exporter
from tests.servers.exposition import series
from tests.servers.gunicorn import environment
from tests.servers.ports import wait_for
from tests.servers.redis import RedisServer, run_redis

TASKS = """
import os, signal, time
from project.celery import app
@app.task(name="ok")
def ok(): pass
@app.task(name="fail")
def fail(): raise ValueError("wrong")
@app.task(name="die")
def die(): os.kill(os.getpid(), signal.SIGKILL)
@app.task(name="again", bind=True, max_retries=1)
def again(self): raise self.retry(countdown=0)
@app.task(name="solo")
def solo(seconds): time.sleep(seconds)
@app.task(name="sleep")
def sleep(seconds): time.sleep(seconds)
"""


@dataclass
class Site:
    """A worker with two children, each replaced after five tasks."""

    worker: CeleryWorker
    redis: RedisServer
    directory: Path
    environment: dict[str, str]

    def send(self, script: str) -> None:
        subprocess.run(
            [sys.executable, "-c", f"import tasks6\nimport django\ndjango.setup()\n{script}"],
            cwd=ROOT,
            env=self.environment,
            check=True,
            timeout=60,
        )

    def sum(self, name: str, **labels: str) -> float:
        text = Scraper(self.directory).answer({}).body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for(self, value: float, name: str, **labels: str) -> None:
        wait_for(f"{name} {labels} {value}", lambda: self.sum(name, **labels) == value, 60)


COUNT = "celery_task_duration_seconds_count"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("tasks")
    (work / "tasks6.py").write_text(TASKS)
    with run_redis(work / "redis") as redis:
        directory = work / "metrics"
        given = environment(
            directory,
            work,
            REDIS_URL=redis.url,
            PYTHONPATH=f"{work}:{ROOT}",
            DJANGO_SETTINGS_MODULE="project.settings",
        )
        options = ("-c", "2", "--max-tasks-per-child", "5")
        with run_celery(work, given, *options, app="tasks6") as worker:
            yield Site(worker, redis, directory, given)


def test_totals_are_exact_over_recycled_children_and_kill_9_of_the_worker(site: Site) -> None:
    site.send("for _ in range(30): tasks6.ok.delay()")
    site.wait_for(30, COUNT, task="ok", state="SUCCESS")
    site.worker.kill()
    site.worker.start()
    site.send("for _ in range(30): tasks6.ok.delay()")
    site.wait_for(60, COUNT, task="ok", state="SUCCESS")
    assert site.sum("celery_tasks_started_total", task="ok") == 60
    # Sent by a process with this app: each has a queue time.
    assert site.sum("celery_task_queue_seconds_count", task="ok") == 60
    # Two children, two that overlap with their successors, the parent.
    assert len(list(site.directory.glob("celery-*.lock"))) <= 6


def test_failures_and_retries_are_counted_by_celerys_own_states(site: Site) -> None:
    site.send("tasks6.fail.delay(); tasks6.again.delay()")
    site.wait_for(1, COUNT, task="fail", state="FAILURE")
    site.wait_for(1, COUNT, task="again", state="RETRY")
    site.wait_for(1, COUNT, task="again", state="FAILURE")
    assert site.sum("celery_task_retries_total", task="again") == 1


def test_a_child_killed_in_the_middle_of_a_task_is_a_failure(site: Site) -> None:
    site.send("tasks6.die.delay()")
    site.wait_for(1, COUNT, task="die", state="FAILURE")
    assert site.sum("celery_tasks_started_total", task="die") == 1
    assert site.sum("celery_tasks_in_progress", task="die") == 0


def test_a_task_that_runs_is_in_progress_until_it_ends_or_is_killed(site: Site) -> None:
    site.send("tasks6.sleep.delay(600)")
    site.wait_for(1, "celery_tasks_in_progress", task="sleep")
    for pid in site.worker.children():
        os.kill(pid, signal.SIGKILL)
    site.wait_for(0, "celery_tasks_in_progress", task="sleep")
    site.wait_for(1, COUNT, task="sleep", state="FAILURE")
    assert site.sum("celery_task_duration_seconds_sum", task="sleep") > 0


def test_a_solo_worker_counts_its_tasks_and_answers_no_ping_during_one(
    site: Site, tmp_path: Path
) -> None:
    options = ("--pool", "solo", "-Q", "solo", "-n", "solo@here")
    ping = "tasks6.app.control.ping(destination=['solo@here'], timeout=2)"
    with run_celery(tmp_path, site.environment, *options, app="tasks6"):
        site.send(f"tasks6.solo.apply_async([0], queue='solo'); assert {ping}")
        site.wait_for(1, COUNT, task="solo", state="SUCCESS")
        site.send("tasks6.solo.apply_async([600], queue='solo')")
        site.wait_for(1, "celery_tasks_in_progress", task="solo")
        site.send(f"assert not {ping}")
    # Killed: nobody is left to count the end of the second.
    assert site.sum("celery_tasks_started_total", task="solo") == 2
    assert site.sum(COUNT, task="solo") == 1


def test_names_that_no_worker_knows_make_no_series(site: Site) -> None:
    site.send("for n in range(20): tasks6.app.send_task(f'unknown-{n}')")
    site.wait_for(20, "celery_messages_refused_total", reason="unknown_task")
    text = Scraper(site.directory).answer({}).body.decode()
    assert "unknown-" not in text


def test_the_exporter_shows_queues_of_all_priorities_and_health(site: Site, tmp_path: Path) -> None:
    site.send("for p in (0, 3, 6, 9): tasks6.ok.apply_async(queue='slow', priority=p)")
    settings = (
        "from project.settings import *\n"
        'MONITORING = {**MONITORING, "CELERY_QUEUES": ["slow", "empty"], "HEALTH_SHARE_MS": 300}\n'
    )
    (tmp_path / "queue_settings.py").write_text(settings)
    env = {
        **site.environment,
        "DJANGO_SETTINGS_MODULE": "queue_settings",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    length = partial(series, "celery_queue_length")
    status = partial(series, "monitoring_health_status")
    with run_exporter(tmp_path, directory=site.directory, env=env) as exporter:
        samples = wait_for(
            "all gauges",
            lambda: (
                found
                if status(check="celery") in (found := exporter.scrape())
                and length(queue="slow") in found
                else None
            ),
        )
        assert samples[length(queue="slow")] == 4
        assert samples[length(queue="empty")] == 0
        assert samples[status(check="database")] == 1
        assert samples[status(check="redis")] == 1
        assert samples[status(check="celery")] == 1
        site.redis.signal(signal.SIGSTOP)
        wait_for("Redis is down", lambda: exporter.scrape().get(status(check="redis")) == 0)
        wait_for("no length is old", lambda: length(queue="slow") not in exporter.scrape())
        site.redis.signal(signal.SIGCONT)
        wait_for("Redis is back", lambda: exporter.scrape().get(status(check="redis")) == 1)
