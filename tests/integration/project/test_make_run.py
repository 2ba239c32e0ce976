"""`make run`: everything comes up with one command, and nothing is left, however it ends."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.servers.gunicorn import children, is_dead
from tests.servers.ports import free_port, wait_for


@dataclass
class Run:
    """A running `make run`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def text(self) -> str:
        return self.log.read_text()

    def url(self, name: str) -> str:
        """What the banner says."""
        found = re.search(rf"^  {name} +(http\S+)", self.text(), re.MULTILINE)
        assert found, self.text()
        return found[1]

    def processes(self) -> list[int]:
        """make, and every process that it started and that they started."""
        return descendants(self.process.pid)

    def runner(self) -> int:
        (runner,) = children(self.process.pid)
        return runner


def descendants(pid: int) -> list[int]:
    return [pid, *(each for child in children(pid) for each in descendants(child))]


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


def environment(directory: Path, **extra: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "BIND": f"127.0.0.1:{free_port()}",
        "EXPORTER_BIND": f"127.0.0.1:{free_port()}",
        "DATABASE_URL": f"sqlite:///{directory / 'db.sqlite3'}",
        "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
        **extra,
    }


@contextlib.contextmanager
def make_run(directory: Path, **extra: str) -> Iterator[Run]:
    log = directory / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=ROOT,
            env=environment(directory, **extra),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Run(process, log)
    finally:
        for pid in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Run]:
    with make_run(tmp_path, WEB_CONCURRENCY="", REDIS_URL="") as run:
        wait_for("the URLs", lambda: "Ctrl-C stops everything" in run.text(), 60)
        yield run


def test_its_urls_answer_once_they_are_shown_and_ctrl_c_leaves_no_process(running: Run) -> None:
    # At once, with no second try: they are shown when they answer.
    assert "/demo/" in read(running.url("Site"))
    assert read(running.url("Demo")) == "ok\n"
    assert 'route="/demo/ok/"' in read(running.url("Metrics"))
    assert 'gunicorn_workers{state="idle"}' in read(running.url("Exporter"))
    assert "Prometheus" in read(f"{running.url('Prometheus')}-/ready")
    assert "OK" in read(f"{running.url('Alertmanager')}-/ready")
    # Finding out whether they answer was no traffic.
    assert 'method="POST"' not in read(running.url("Metrics"))
    health = f"{running.url('Site')}api/health/?check=celery"
    wait_for("the Celery worker", lambda: '"workers": ["celery@' in read(health), 60)
    processes = running.processes()
    # make, the runner, Redis, gunicorn's master and its four workers, the exporter, two that watch,
    # Celery's worker with two children, and beat
    assert len(processes) == 15
    # A terminal sends Ctrl-C to the whole foreground group.
    os.killpg(running.process.pid, signal.SIGINT)
    running.process.wait(20)
    assert all(is_dead(pid) for pid in processes)
    assert "Traceback" not in running.text()


def test_killing_the_runner_leaves_no_process(running: Run) -> None:
    processes = running.processes()
    with urllib.request.urlopen(running.url("Site") + "demo/stream/"):
        os.kill(running.runner(), signal.SIGKILL)
        wait_for("no process is left", lambda: all(is_dead(pid) for pid in processes))


def test_a_closed_pipe_ends_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["make", "run"],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        process.stdout.readline()  # as `| head -1` does
        process.stdout.close()
        process.wait(20)
        assert b"Traceback" not in process.stderr.read()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    "moment", ["Migrating the database", "Starting gunicorn", "Booting worker"]
)
def test_ctrl_c_during_the_start_is_quiet(moment: str, tmp_path: Path) -> None:
    with make_run(tmp_path) as run:
        wait_for(moment, lambda: moment in run.text(), 60)
        processes = run.processes()
        os.killpg(run.process.pid, signal.SIGINT)
        run.process.wait(20)
        wait_for("no process is left", lambda: all(is_dead(pid) for pid in processes))
        assert "Traceback" not in run.text()


@pytest.mark.parametrize("name", ["BIND", "EXPORTER_BIND"])
def test_a_port_in_use_is_a_clear_error(name: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(environment(tmp_path, **{name: f"127.0.0.1:{port}"}))
    assert f"make run: {name}=127.0.0.1:{port}: address already in use" in said
    assert re.search(rf"for example: {name}=127.0.0.1:\d+ make run", said)


def test_one_port_for_two_servers_is_a_clear_error(tmp_path: Path) -> None:
    port = free_port()
    said = refused(
        environment(tmp_path, BIND=f"127.0.0.1:{port}", EXPORTER_BIND=f"127.0.0.1:{port}")
    )
    assert f"EXPORTER_BIND=127.0.0.1:{port}: address already in use (BIND has the same" in said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BIND", "no-such-host.invalid:80", "BIND='no-such-host.invalid:80': the host cannot"),
        ("WEB_CONCURRENCY", "abc", "WEB_CONCURRENCY='abc': allowed is a whole number"),
        ("DEBUG", "maybe", "DEBUG='maybe': allowed are 1, true"),
        ("PROMETHEUS_MULTIPROC_DIR", "/dev/null", "/dev/null: is not a directory"),
        ("DATABASE_URL", "sqlite:////no/such/file", "unable to open database file"),
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_a_bad_value_is_a_clear_error(name: str, value: str, said: str, tmp_path: Path) -> None:
    assert said in refused(environment(tmp_path, **{name: value}))


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
    assert "hunter2" not in done.stderr
    return done.stderr
