"""A fresh project on a system that cannot be had here: its commands, its server, every endpoint."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import platforms
from tests.adoption.host import SCRAPE, Environment, Host, Server, adopt
from tests.paths import ROOT
from tests.servers.exposition import requests_by_series
from tests.servers.ports import free_port, wait_for

TESTS = """
from django.test import TestCase

class Pages(TestCase):
    def test_a_page_is_counted(self):
        assert self.client.get("/hello/7/").status_code == 200
        assert 'route="/hello/<int:number>/"' in self.client.get("/api/metrics/prometheus/").text
"""
SETTINGS = 'MONITORING = {"SLOW_QUERY_MS": 1, "SLOW_QUERY_LOG": "slow_queries.log"}'
ADMIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("anna"))
print(client.cookies["sessionid"].value)
"""
LEVELS = """
from django.core.checks import run_checks
print(*(f"{each.id}: {each.msg}" for each in run_checks()), sep="\\n")
"""
DROPPED = "monitoring_dropped_total"
TRACED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
OPEN = ("health/", "health/live/", "health/ready/", "metrics/prometheus/")
FOR_ADMINS = (
    *("metrics/", "metrics/cache/", "metrics/database/", "metrics/series/"),
    *("metrics/thresholds/", "notifications/", "schema/"),
)


@dataclass
class OtherHost(Host):
    """The project, each of whose processes lacks what the system lacks."""

    platform: str

    @property
    def env(self) -> dict[str, str]:
        told = platforms.environment(self.platform)
        path = f"{told['PYTHONPATH']}:{ROOT}"
        rest = {"PATH": super().env["PATH"], "HOME": str(self.work), "TMPDIR": str(self.temporary)}
        return {**rest, **told, "PYTHONPATH": path}

    @property
    def temporary(self) -> Path:
        return self.work / "temporary"

    @contextlib.contextmanager
    def run_server(self) -> Iterator[Server]:
        port, log = free_port(), self.work / "runserver.log"
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.work, env=self.env, stdout=output, stderr=output
            )
        server = Server(port)
        try:
            wait_for(f"the host ({log})", lambda: server.ask("/api/health/live/")[0] == 200, 60)
            yield server
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module", params=platforms.PLATFORMS)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OtherHost:
    work = tmp_path_factory.mktemp(request.param) / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        made = adopt(work, Environment(Path(sys.prefix)), SETTINGS)
    made.add("mysite/tests.py", TESTS)
    host = OtherHost(made.work, made.environment, request.param)
    host.temporary.mkdir()
    host.manage("migrate", "--verbosity", "0")
    return host


def test_check_tells_once_what_the_system_lacks(host: OtherHost) -> None:
    host.manage("check", "--fail-level", "WARNING", flags=("-W", "error"))
    told = host.manage("shell", "--verbosity", "0", "--command", LEVELS).split()
    assert told.count("monitoring.I002:") == (1 if host.platform == "windows" else 0)


def test_the_projects_tests_pass_and_leave_nothing(host: OtherHost) -> None:
    host.manage("test")
    assert not list(host.temporary.glob("django-metrics-*"))


def test_a_server_counts_exactly_and_every_endpoint_answers(host: OtherHost) -> None:
    session = host.manage("shell", "--verbosity", "0", "--command", ADMIN).split()[-1]
    admin = {"Cookie": f"sessionid={session}"}
    for visits in (30, 20):  # the second server begins at zero
        with host.run_server() as server:
            server.scrape()  # the last server's files are read before the first request has ended
            server.visit("/hello/7/", visits)
            assert server.ask("/hello/7/", TRACED)[0] == 200
            counts = requests_by_series(server.scrape())
            assert counts["GET", "/hello/<int:number>/", "200"] == visits + 1
            for path in (*OPEN, *FOR_ADMINS):
                assert server.ask(f"/api/{path}", admin)[0] == 200, path
            assert server.ask("/admin/multiprocess_exporter/status/", admin)[0] == 200
            _, summary = server.json("/api/metrics/?window=all", admin)
            assert summary["workers"]["alive"] == 1
            exemplars = server.ask(SCRAPE, {"Accept": "application/openmetrics-text"})[1]
            assert TRACED["traceparent"][3:35] in exemplars
            dropped = {key: n for key, n in server.scrape().items() if key[0] == DROPPED}
            assert not any(dropped.values()), dropped
            files = list(host.temporary.glob("django-metrics-*/*_web-0.db"))
    assert files
    assert "Traceback" not in (host.work / "runserver.log").read_text()
