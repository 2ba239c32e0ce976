"""A real Celery worker with gevent, where retries overlap with the runs that asked for them."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from monitoring.exposition.scrape import Scraper
from tests.paths import ROOT
from tests.servers.celery import run_celery
from tests.servers.gunicorn import environment
from tests.servers.ports import wait_for
from tests.servers.redis import run_redis
from tests.servers.scripts import run_script

TASKS = """
import time
from project.celery import app

@app.task(name="again", bind=True, max_retries=2)
def again(self):
    if self.request.retries < 2:
        try:
            raise self.retry(countdown=0)
        finally:
            time.sleep(0.5)  # the retry is sent: it begins while this run ends
"""
SEND = """
import django, gevent_tasks

django.setup()
for _ in range(60):
    gevent_tasks.again.delay()
"""
TIMED = "celery_task_duration_seconds_count"


def test_retries_that_overlap_lose_no_run(tmp_path: Path) -> None:
    (tmp_path / "gevent_tasks.py").write_text(TASKS)
    metrics = tmp_path / "metrics"

    def value(name: str, state: str | None = None) -> float:
        text = Scraper(metrics).answer({}).body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and sample.labels.get("state") == state
        )

    with run_redis(tmp_path / "redis") as redis:
        given = environment(
            metrics,
            tmp_path,
            REDIS_URL=redis.url,
            PYTHONPATH=f"{tmp_path}:{ROOT}",
            DJANGO_SETTINGS_MODULE="project.settings",
        )
        with run_celery(tmp_path, given, "-P", "gevent", "-c", "50", app="gevent_tasks"):
            run_script(SEND, work=tmp_path, REDIS_URL=redis.url, PYTHONPATH=f"{tmp_path}:{ROOT}")
            wait_for("60 successes", lambda: value(TIMED, "SUCCESS") == 60, 60)
            wait_for("the last retries", lambda: value("celery_tasks_in_progress") == 0)
            assert value(TIMED, "RETRY") == 120
            assert value("celery_tasks_started_total") == 180
