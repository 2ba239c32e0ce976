"""The newest Python of this machine, with the newest Django that pip finds for it.

All pairs are tested by `make test-matrix`.
"""

from pathlib import Path

import pytest

from tests.adoption import pythons
from tests.adoption.host import SERVERS, Environment, adopt, make_environment, run
from tests.paths import ROOT
from tests.servers.exposition import requests_by_series

UVICORN = ("-k", "uvicorn_worker.UvicornWorker")
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
# What is nearest to the interpreter, prometheus-client and numpy, and needs no settings.
FOLDERS = ("storage", "merging")
CONFIGURATION = """
[pytest]
addopts = --strict-markers
filterwarnings = error
timeout = 300
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    _, python = pythons.newest()
    work = tmp_path_factory.mktemp("pair")
    return make_environment(work, python, wheel, *SERVERS, *TOOLS)


def test_pip_brings_the_newest_django_that_is_supported(pair: Environment) -> None:
    version, _ = pythons.newest()
    assert pair.version_of("django").startswith(pythons.SUPPORTED[version][-1])


def test_a_host_is_checked_without_a_warning_and_counted(pair: Environment, tmp_path: Path) -> None:
    host = adopt(tmp_path / "site", pair)
    assert "no issues" in host.manage("check", flags=("-W", "error"))
    with host.serve(*UVICORN, app="mysite.asgi") as server:
        server.visit("/hello/7/", 30)
        assert requests_by_series(server.scrape())["GET", "/hello/<int:number>/", "200"] == 30


@pytest.mark.timeout(900)
def test_the_unit_tests_of_the_core_pass(pair: Environment, tmp_path: Path) -> None:
    configuration = tmp_path / "pytest.ini"
    configuration.write_text(CONFIGURATION)
    folders = [f"tests/unit/{folder}" for folder in FOLDERS]
    python = pair.program("python")
    options = ["-q", "-p", "no:cacheprovider", "-c", str(configuration), f"--rootdir={ROOT}"]
    told = run([python, "-m", "pytest", *options, *folders], ROOT, seconds=900)
    assert "passed" in told
