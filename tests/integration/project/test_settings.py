"""The reference project's own face: errors in the environment, and what it says on stderr."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.servers.gunicorn import command, environment, run_gunicorn


def said_by(arguments: list[str], directory: Path, **extra: str) -> str:
    """What a command says that refuses to run."""
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        env=environment(directory / "metrics", directory, **extra),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIND", "::1:8001"),
        ("DEBUG", "maybe"),
        ("REDIS_URL", "nonsense"),
        ("PROMETHEUS_MULTIPROC_DIR", "metrics"),
    ],
)
def test_gunicorn_names_a_variable_that_it_refuses(name: str, value: str, tmp_path: Path) -> None:
    said = said_by(command(), tmp_path, **{name: value})
    assert said.startswith(f"gunicorn.conf.py: {name}={value!r}: ")


def test_manage_names_a_variable_that_it_refuses(tmp_path: Path) -> None:
    said = said_by([sys.executable, "manage.py", "check"], tmp_path, DATABASE_URL="nonsense")
    assert said.startswith("manage.py: DATABASE_URL='nonsense': ")


def test_an_empty_bind_is_the_default_for_gunicorn_as_well(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--print-config"),
        cwd=ROOT,
        env=environment(tmp_path / "metrics", tmp_path, BIND=""),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    settings = [line.split() for line in done.stdout.splitlines()]
    assert ["bind", "=", "['127.0.0.1:8000']"] in settings
    assert ["workers", "=", "4"] in settings


def test_a_500_shows_its_traceback_on_stderr_and_a_404_nothing(tmp_path: Path) -> None:
    with run_gunicorn(tmp_path / "work", directory=tmp_path / "metrics", workers=1) as server:
        assert server.get("/demo/error/?token=secret")[0] == 500
        assert server.get("/no/such/page/")[0] == 404
    said = server.log.read_text()
    assert "[ERROR] django.request: Internal Server Error: /demo/error/" in said
    assert said.count("Traceback") == 1
    assert "project.demo.views.DemoError: raised on purpose" in said
    assert "secret" not in said
    assert "/no/such/page/" not in said


def test_warnings_of_the_app_are_shown_with_their_logger(tmp_path: Path) -> None:
    script = "import logging; log = logging.getLogger('monitoring.storage'); log.info('no'); "
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", script + "log.warning('a file is damaged')"],
        cwd=ROOT,
        env=environment(tmp_path / "metrics", tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    (line,) = done.stderr.splitlines()
    assert line.endswith("[WARNING] monitoring.storage: a file is damaged")
