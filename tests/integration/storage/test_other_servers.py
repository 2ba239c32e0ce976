"""Servers without `prepare()`: what counts as a fresh start there, and what does not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.paths import ROOT
from tests.servers.exposition import series
from tests.servers.gunicorn import Gunicorn, children, environment, is_dead
from tests.servers.ports import wait_for
from tests.servers.uvicorn import run_uvicorn

OK = series("http_requests_total", method="GET", route="/demo/ok/", status="200")
TASKS = series("tasks_total")
COMMANDS = series("commands_total")


def ask(server: Gunicorn, count: int) -> None:
    for _ in range(count):
        assert server.get("/demo/ok/")[0] == 200


def count_as(role: str, name: str, directory: Path) -> "subprocess.Popen[bytes]":
    """A process that counts 3 and lives until its input ends."""
    script = (
        f"import sys; from monitoring import storage; storage.install({role!r});"
        f"from prometheus_client import Counter; Counter({name!r}, 'C.').inc(3);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PROMETHEUS_MULTIPROC_DIR": str(directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@contextmanager
def celery_worker(directory: Path) -> Iterator[None]:
    with count_as("celery", "tasks", directory) as process:
        try:
            yield
        finally:
            process.communicate()


def test_a_restart_begins_at_zero_and_spares_the_slots_of_live_processes(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_uvicorn(tmp_path, directory=shm_directory) as server:
        ask(server, 5)
        assert server.scrape()[OK] == 5
    with celery_worker(shm_directory):
        count_as("manage", "commands", shm_directory).communicate()  # ends before the start
        with run_uvicorn(tmp_path, directory=shm_directory) as server:
            samples = server.scrape()
            assert OK not in samples
            assert COMMANDS not in samples
            assert samples[TASKS] == 3
            count_as("manage", "commands", shm_directory).communicate()  # as `migrate` does
            ask(server, 2)
            samples = server.scrape()
            assert (samples[OK], samples[TASKS], samples[COMMANDS]) == (2, 3, 3)


def test_a_second_server_and_the_end_of_the_first_keep_every_count(
    tmp_path: Path, shm_directory: Path
) -> None:
    """As in a rolling restart, where the new server starts before the old one ends."""
    with run_uvicorn(tmp_path / "b", directory=shm_directory) as first:
        ask(first, 5)
        with run_uvicorn(tmp_path / "a", directory=shm_directory) as second:
            ask(second, 3)
            first.master.send_signal(signal.SIGTERM)
            first.master.wait(20)
            ask(second, 1)
            assert second.scrape()[OK] == 9


def test_workers_that_are_replaced_all_at_once_keep_every_count(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_uvicorn(tmp_path, "--workers", "2", directory=shm_directory) as server:
        ask(server, 6)
        before = [pid for pid in children(server.master.pid) if is_worker(pid)]
        assert len(before) == 2
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_for("their end", lambda: all(is_dead(pid) for pid in before))
        wait_for("new workers", lambda: answers(server))
        ask(server, 1)
        assert server.scrape()[OK] == 7


def is_worker(pid: int) -> bool:
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def answers(server: Gunicorn) -> bool:
    try:
        return server.get("/api/health/live/")[0] == 200
    except OSError:
        return False


def test_a_development_server_that_reloads_keeps_every_count(
    tmp_path: Path, shm_directory: Path
) -> None:
    """Each reload is a new process under the same parent; then a restart begins at zero."""
    script = (
        "import sys; sys.argv = ['manage.py', 'runserver'];"
        "from monitoring import storage; storage.install();"
        "from prometheus_client import Counter; Counter('pages', 'P.').inc(3)"
    )
    manage = tmp_path / "manage.py"
    manage.write_text(
        "import subprocess, sys\n"
        "for _ in range(2):\n"
        f"    subprocess.run([sys.executable, '-c', {script!r}], check=True)\n"
        "from prometheus_client import CollectorRegistry, multiprocess\n"
        "registry = CollectorRegistry()\n"
        "multiprocess.MultiProcessCollector(registry)\n"
        "print(registry.get_sample_value('pages_total'))\n"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(manage), "runserver"],
            cwd=tmp_path,
            env={**environment(shm_directory, tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["6.0"], done.stderr
