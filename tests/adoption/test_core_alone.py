"""A host that installs the wheel alone: the README's lines, and what needs no extra."""

import json
import subprocess
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


COMMANDS = [
    ("check",),
    ("check", "--deploy"),
    ("check", "--database", "default"),
    ("makemigrations", "--check"),
    ("migrate",),
    ("showmigrations",),
    ("collectstatic", "--no-input"),
    ("test", "--parallel", "2"),
]
TESTS = """
import os
from pathlib import Path
from django.contrib.auth.models import User
from django.test import TestCase

class Pages(TestCase):
    def test_a_page(self):
        User.objects.create_user("ben")
        assert self.client.get("/hello/7/").status_code == 200
        Path(f"told-{os.getpid()}").write_text(os.environ["PROMETHEUS_MULTIPROC_DIR"])

class More(Pages):
    pass
"""
# A slow query is any; the log is where the site itself has it.
SLOW = """
STATIC_ROOT = BASE_DIR / "static"
MONITORING = {"SLOW_QUERY_MS": 1, "SLOW_QUERY_LOG": "logs/slow_queries.log"}
"""


def test_building_deploying_and_testing_leave_nothing_of_ours(host: Host, tmp_path: Path) -> None:
    site = adopt(tmp_path / "site", host.environment, SLOW)
    site.add("mysite/tests.py", TESTS)
    for command in COMMANDS:
        site.manage(*command)
        assert not (site.work / "metrics").exists(), command
        assert not (site.work / "logs").exists(), command
    used = {Path(each.read_text()) for each in site.work.glob("told-*")}
    assert used
    assert not any(each.exists() for each in used)
    assert site.work / "metrics" not in used


def test_no_directory_is_made_for_the_default_log_either(host: Host, tmp_path: Path) -> None:
    site = adopt(tmp_path / "site", host.environment)
    for command in ("check", "migrate"):
        site.manage(command)
    place = site.manage("shell", "--verbosity", "0", "--command", PLACE).splitlines()[-1]
    assert place.startswith("/")
    assert not Path(place).parent.exists()


PLACE = """
from monitoring.instruments.databases.log_place import _ensured_default
print(_ensured_default(create=False))
"""


def test_a_directory_that_others_may_write_to_stops_check_and_no_deployment(
    host: Host, tmp_path: Path
) -> None:
    site = adopt(tmp_path / "site", host.environment)
    (site.work / "metrics").mkdir()
    (site.work / "metrics").chmod(0o777)
    site.manage("migrate")
    site.manage("showmigrations")
    with pytest.raises(AssertionError, match=r"monitoring\.E003"):
        site.manage("check")


# Everything that could be written is mounted read-only, for the command alone.
READ_ONLY = """
for place in /dev/shm /tmp /var/tmp "$PWD"; do mount --bind "$place" "$place" &&
    mount -o remount,bind,ro "$place" || exit 9; done
exec "$@"
"""


@pytest.mark.parametrize("command", [("check",), ("test",)], ids=["check", "test"])
def test_nothing_writable_is_a_warning_and_no_traceback(
    command: tuple[str, ...], host: Host, tmp_path: Path
) -> None:
    site = adopt(tmp_path / "site", host.environment, IN_MEMORY)
    environment = {**site.env, "PROMETHEUS_MULTIPROC_DIR": ""}
    python = [site.environment.program("python"), "-B", "manage.py", *command]
    alone = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *python]
    done = subprocess.run(
        alone, cwd=site.work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "monitoring.W015" in done.stderr


IN_MEMORY = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}'
