"""Rules and panels against a real Prometheus that scrapes the running project under traffic.

promtool cannot know whether a metric exists. Here every selector finds a series, every label that
is grouped by is on one, and every recording rule and panel has an answer.
"""

import contextlib
import http.client
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from monitoring.metrics import names
from tests.artefacts.documents import documents
from tests.artefacts.queries import (
    RULES,
    Query,
    family,
    groupings,
    panel_queries,
    rule_queries,
    selectors,
)
from tests.load.client import MIX, Call, Load
from tests.paths import ROOT
from tests.servers.admin import make_users
from tests.servers.celery import run_celery
from tests.servers.exporter import run_exporter
from tests.servers.gunicorn import Gunicorn, environment, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, run_prometheus
from tests.servers.redis import run_redis

TASKS = """
from project.celery import app
@app.task(name="ok")
def ok(): pass
@app.task(name="fail")
def fail(): raise ValueError("wrong")
"""
SEND = "import live_tasks\nfor _ in range(10): live_tasks.ok.delay(); live_tasks.fail.delay()"

CALLS = (
    *MIX,
    Call("GET", "/demo/queries/?n=15", "/demo/queries/", 200),  # more than REPEATED_QUERIES
    Call("GET", "/demo/cache/?key=live", "/demo/cache/", 200),
)

RECORDINGS = rule_queries("record")
ALERTS = rule_queries("alert")
PANELS = panel_queries()
RUNBOOK = [Query("runbook", code) for _, code in documents()["docs/runbook.md"].blocks]
EVERY = RECORDINGS + ALERTS + PANELS + RUNBOOK
# What only a Prometheus that stores native histograms has.
NATIVE = {names.HTTP_REQUEST_DURATION_SECONDS.family}


@dataclass(frozen=True)
class Stores:
    """Two that scrape the same exporter, one with the feature of native histograms."""

    classic: Prometheus
    native: Prometheus

    def of(self, name: str) -> Prometheus:
        """The one that has the metric."""
        return self.native if name in NATIVE else self.classic


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    work = tmp_path_factory.mktemp("live")
    directory = Path("/dev/shm") / f"monitoring-test-{os.getpid()}-live"
    (work / "live_tasks.py").write_text(TASKS)
    make_users(work / "web")
    shared = {"DATABASE_URL": f"sqlite:///{work / 'web' / 'db.sqlite3'}"}
    with (
        run_redis(work / "redis") as redis,
        run_celery(
            work / "celery",
            celery_environment(work, directory, redis.url),
            app="live_tasks",
        ),
        run_gunicorn(
            work / "web",
            directory=directory,
            REDIS_URL=redis.url,
            DJANGO_SETTINGS_MODULE="tests.database_site.settings",  # for a view that calls
        ) as server,
        run_exporter(
            work / "exporter", directory=directory, env={"REDIS_URL": redis.url, **shared}
        ) as exporter,
        run_prometheus(
            work / "prometheus", [exporter.address], path="/metrics", rules=f"{RULES}/*.yml"
        ) as running,
        run_prometheus(
            work / "native",
            [exporter.address],
            "--enable-feature=native-histograms",
            path="/metrics",
        ) as native,
    ):
        for seed in range(2):
            make_trouble(work / "web", directory)
            make_traffic(server, seed)
            python(SEND, celery_environment(work, directory, redis.url))
            seen = f"min(changes(monitoring_merges_total[1m])) >= {2 * seed + 2}"
            wait_for("two scrapes", partial(running.query, seen))
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_for("the exit", lambda: running.query("gunicorn_worker_exits_total"))
        last = "job:http_requests_over_target:ratio_rate3d >= 0"
        wait_for("the last rule of the longest chain", lambda: running.query(last))
        # Two more scrapes of each: rates of what came last have two samples.
        merges = running.value("monitoring_merges_total") or 0
        wait_for("scrapes", lambda: running.query(f"monitoring_merges_total >= {merges + 5}"))
        yield Stores(running, native)
    with contextlib.suppress(FileNotFoundError):
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


@pytest.fixture
def prometheus(stores: Stores) -> Prometheus:
    return stores.classic


TROUBLE = """
import contextlib
import django
from django.db import Error, connection
django.setup()
with contextlib.suppress(Error):
    connection.cursor().execute("SELECT * FROM no_such_table")
connection.close()
connection.settings_dict["NAME"] = "/no/such/directory/db.sqlite3"
with contextlib.suppress(Error):
    connection.ensure_connection()
"""


def make_trouble(work: Path, directory: Path) -> None:
    """A query and a connection that fail: their families have no series before."""
    python(TROUBLE, environment(directory, work, DJANGO_SETTINGS_MODULE="project.settings"))


def celery_environment(work: Path, directory: Path, redis: str) -> dict[str, str]:
    return environment(directory, work, REDIS_URL=redis, PYTHONPATH=f"{work}:{ROOT}")


def python(script: str, env: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, check=True, timeout=60)


def make_traffic(server: Gunicorn, seed: int) -> None:
    Load(server.address, calls=CALLS, seed=seed).start(150).finish()
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("GET", "/demo/ok/", headers={"X-Request-Start": f"t={time.time() - 0.01}"})
    assert connection.getresponse().status == 200
    connection.close()
    assert server.get(f"/calling/?url=http://{server.address}/demo/ok/")[0] == 200


def test_every_family_is_in_the_reference(prometheus: Prometheus) -> None:
    rows = re.findall(r"^\| `([^`]+)`", Path("docs/metrics.md").read_text(), re.MULTILINE)
    known = [re.escape(name).replace(re.escape("{code}"), r"\d+") for name in rows]
    own = 'count by (__name__) ({job="django", __name__!~"up|scrape_.*|ALERTS.*|.*:.*"})'
    found = {family(item["metric"]["__name__"]) for item in prometheus.query(own)}
    assert len(found) > 40
    assert {name for name in found if not any(re.fullmatch(one, name) for one in known)} == set()


def test_every_selector_finds_a_series(stores: Stores) -> None:
    wanted = {selector: query.place for query in EVERY for selector in selectors(query.expr)}
    assert len({selector.text for selector in wanted}) > 80
    dead = {
        selector.text: place
        for selector, place in wanted.items()
        if not stores.of(selector.name).query(f"count({selector.text})")
    }
    assert dead == {}


def test_every_grouped_label_is_on_a_series(stores: Stores) -> None:
    on_series: dict[str, set[str]] = {}
    missing = set()
    for query in EVERY:
        for grouping in groupings(query.expr):
            there: set[str] = set()
            for name in grouping.metrics:
                if name not in on_series:
                    found = stores.of(name).query(name)
                    on_series[name] = {label for item in found for label in item["metric"]}
                there |= on_series[name]
            missing |= {(query.place, label) for label in grouping.labels - there}
    assert missing == set()


def test_prometheus_evaluates_every_rule_without_an_error(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.call("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RECORDINGS) + len(ALERTS)
    assert [rule for rule in rules if rule["health"] != "ok" or rule.get("lastError")] == []


def test_every_recording_rule_has_recorded_a_number(prometheus: Prometheus) -> None:
    assert len(RECORDINGS) > 25
    assert [each.place for each in RECORDINGS if not has_number(prometheus, each.place)] == []


def test_every_panel_shows_a_number(stores: Stores) -> None:
    assert len(PANELS) > 40
    asked = {query: {selector.name for selector in selectors(query.expr)} for query in PANELS}
    assert [
        query
        for query, metrics in asked.items()
        if (metrics & NATIVE and not has_number(stores.native, query.expr))
        or (metrics - NATIVE and not has_number(stores.classic, query.expr))
    ] == []


def test_a_healthy_site_under_traffic_with_failures_fires_only_what_it_should(
    prometheus: Prometheus,
) -> None:
    """Every alert waits at least a minute: none can fire yet. Some are pending, rightly."""
    firing = prometheus.query('ALERTS{alertstate="firing"}')
    assert firing == []
    pending = {item["metric"]["alertname"] for item in prometheus.query("ALERTS")}
    assert pending <= {
        "DjangoCeleryTaskFailures",
        "DjangoDatabaseConnectionErrors",
        "DjangoDatabaseErrors",
        "DjangoErrorBudgetBurn",
        "DjangoErrorRateAboveThreshold",
        "DjangoLatencyBudgetBurn",
    }
    assert "DjangoErrorBudgetBurn" in pending


def has_number(prometheus: Prometheus, expr: str) -> bool:
    """Or a native histogram that is not empty."""
    return any(
        float(item["histogram"][1]["count"]) > 0
        if "histogram" in item
        else not math.isnan(float(item["value"][1]))
        for item in prometheus.query(expr)
    )
