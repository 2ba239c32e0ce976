"""`make run`: everything comes up with one command, and nothing is left when it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.gunicorn import ROOT, children, is_dead
from tests.servers.ports import free_port, wait_for


@dataclass
class Run:
    """A running `make run`."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def read(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
            return str(response.read().decode())

    def processes(self) -> list[int]:
        """make, and every process that it started and that they started."""
        return descendants(self.process.pid)


def descendants(pid: int) -> list[int]:
    return [pid, *(each for child in children(pid) for each in descendants(child))]


def environment(port: int, directory: Path, **extra: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "BIND": f"127.0.0.1:{port}",
        "DATABASE_URL": f"sqlite:///{directory / 'db.sqlite3'}",
        "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
        **extra,
    }


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Run]:
    port = free_port()
    log = tmp_path / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=ROOT,
            env=environment(port, tmp_path),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    run = Run(process, port, log)
    try:
        wait_for("the URLs", lambda: "Metrics   http://" in log.read_text(), 60)
        yield run
    finally:
        for pid in run.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_the_site_and_leaves_no_process_behind(
    number: signal.Signals, running: Run
) -> None:
    assert running.read("/demo/ok/") == "ok\n"
    assert 'route="/demo/ok/"' in running.read("/api/metrics/prometheus/")
    processes = running.processes()
    # make, the runner, its two helpers, Redis, gunicorn's master and its four workers
    assert len(processes) >= 10
    # A terminal sends Ctrl-C, and the hang-up, to the whole foreground group.
    os.killpg(running.process.pid, number)
    running.process.wait(20)
    wait_for("no process is left", lambda: all(is_dead(pid) for pid in processes))


def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = refused(environment(port, tmp_path))
    assert f"BIND=127.0.0.1:{port}: address already in use" in done
    assert "BIND=127.0.0.1:8001 make run" in done


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("BIND", "8000", "HOST:PORT"),
        ("BIND", "localhost:99999", "HOST:PORT"),
        ("WEB_CONCURRENCY", "many", "a whole number from 1 to 512"),
        ("DEMO_VIEWS", "maybe", "1, true, yes, on, 0, false, no, off"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(
    name: str, value: str, allowed: str, tmp_path: Path
) -> None:
    said = refused(environment(free_port(), tmp_path, **{name: value}))
    assert f"{name}={value!r}" in said
    assert allowed in said


def refused(given: dict[str, str]) -> str:
    done = subprocess.run(
        ["make", "run"],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr
