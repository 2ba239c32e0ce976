"""A host that installs the wheel alone: the README's lines, and what needs no extra."""

import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.adoption.host import Host, adopt, host_python, make_environment
from tests.servers.exposition import requests_by_series
from tests.unit.alerts.webhook_messages import MESSAGE

TOKEN = "a-token-of-some-length"
SETTINGS = f'MONITORING = {{"WEBHOOK_TOKEN": "{TOKEN}"}}'
INSTALLED = """
from importlib.metadata import distributions
print(*sorted(each.name.lower().replace("_", "-") for each in distributions()))
"""
CHECK = """
from django.core.checks import INFO, run_checks
print(*(f"{each.id} {each.level == INFO}" for each in run_checks()))
"""
PAGE = """
from django.contrib.auth.models import User
from django.test import Client
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.create_superuser("anna"))
answer = client.get("/admin/multiprocess_exporter/status/")
print(answer.status_code, "django-multiprocess-exporter[api]" in answer.content.decode())
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Host:
    work = tmp_path_factory.mktemp("core")
    environment = make_environment(work, host_python(), wheel, "gunicorn", extras="")
    host = adopt(work / "site", environment, SETTINGS)
    host.manage("migrate", "--verbosity", "0")
    return host


def test_the_wheel_brings_three_packages_and_what_they_need(host: Host) -> None:
    found = set(host.manage("shell", "--verbosity", "0", "--command", INSTALLED).split())
    beside = {"pip", "setuptools", "gunicorn", "packaging"}
    ours = {"django-multiprocess-exporter", "django", "numpy", "prometheus-client"}
    assert found - beside == ours | {"asgiref", "sqlparse"}


def test_check_tells_the_extra_as_an_info_alone(host: Host) -> None:
    told = host.manage("shell", "--verbosity", "0", "--command", CHECK)
    assert told.splitlines()[-1] == "monitoring.I001 True"
    host.manage("check", "--fail-level", "WARNING")


def test_everything_that_machines_ask_works(host: Host) -> None:
    with host.serve() as server:
        server.visit("/hello/7/", 30)
        samples = server.scrape()
        assert requests_by_series(samples)["GET", "/hello/<int:number>/", "200"] == 30
        assert samples["monitoring_threshold", (("name", "error_rate"),)] == 10
        assert server.json("/api/health/")[0] == 200
        assert server.json("/api/health/ready/")[0] == 200
        status, answer = server.json("/api/metrics/")
        assert (status, answer["error"]["code"]) == (501, "not_installed")
        assert post(server.port, "/api/alerts/webhook/") == (200, {"received": 1, "new": 1})


def test_the_status_page_names_the_extra(host: Host) -> None:
    told = host.manage("shell", "--verbosity", "0", "--command", PAGE)
    assert told.split()[-2:] == ["200", "True"]


def post(port: int, path: str) -> tuple[int, object]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(MESSAGE), headers)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer
