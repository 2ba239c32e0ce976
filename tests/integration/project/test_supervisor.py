"""The runner of `make run`, with small services: what ends them, and in which order."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.servers.gunicorn import is_dead
from tests.servers.ports import wait_for

# A service says its pid, writes its name when it is asked to stop, and stops.
_SCRIPT = """\
import sys
from project.run import supervisor
from project.run.supervisor import Service, Supervisor

SERVICE = '''
import os, signal, subprocess, sys, time
name, mode, log = sys.argv[1:]
def stop(*_):
    print(name, file=open(log, "a"))
    time.sleep(0.2)
    if mode != "stubborn":
        sys.exit(3)
signal.signal(signal.SIGTERM, stop)
open(f"{log}-by-{name}-later", "w").close()
if mode == "parent":
    child = subprocess.Popen(["sleep", "60"])
    print("pid", child.pid, flush=True)
print("pid", os.getpid(), flush=True)
while mode != "brief":
    time.sleep(0.1)
'''

def service(name, mode):
    return Service(name, [sys.executable, "-c", SERVICE, name, mode, LOG])

LOG = sys.argv[1]
supervisor.GRACE_SECONDS = 1.0
stages = [[service("redis", "good")], [service("web", MODE) for MODE in sys.argv[2:]]]
sys.exit(Supervisor(stages).run(lambda: None))
"""


class Runner:
    """A runner with a service `redis` and one `web` for each mode."""

    def __init__(self, work: Path, *modes: str) -> None:
        self.stopped = work / "stopped"
        self.stopped.touch()
        self.output = work / "output"
        self._modes = modes

    def start(self, stdout: int | None = None) -> "subprocess.Popen[bytes]":
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SCRIPT, str(self.stopped), *self._modes],
                cwd=ROOT,
                stdout=output if stdout is None else stdout,
                stderr=subprocess.STDOUT if stdout is None else subprocess.DEVNULL,
                start_new_session=True,
            )
        return self.process

    def pids(self, count: int) -> list[int]:
        """The services' processes, once they have all said their pid."""

        def found() -> list[int] | None:
            lines = [line.split() for line in self.output.read_text().splitlines()]
            pids = [int(words[-1]) for words in lines if words[-2:-1] == ["pid"]]
            return pids if len(pids) == count else None

        return wait_for("the services", found)


def order(runner: Runner) -> list[str]:
    return runner.stopped.read_text().split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_web_first_and_then_redis(
    number: signal.Signals, tmp_path: Path
) -> None:
    runner = Runner(tmp_path, "good")
    process = runner.start()
    pids = runner.pids(2)
    process.send_signal(number)
    assert process.wait(10) == 0
    assert order(runner) == ["web", "redis"]
    assert all(is_dead(pid) for pid in pids)


def test_a_signal_that_comes_twice_within_a_second_stops_in_order_as_well(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "good")
    process = runner.start()
    runner.pids(2)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert order(runner) == ["web", "redis"]


def test_a_service_that_does_not_stop_is_killed_and_so_is_what_one_leaves(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "stubborn", "parent")
    process = runner.start()
    pids = runner.pids(4)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert all(is_dead(pid) for pid in pids)


def test_the_end_of_a_service_is_told_and_ends_the_others(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "good", "brief")
    process = runner.start()
    assert process.wait(10) == 1
    assert "web ended (exit status 0); everything is stopped" in runner.output.read_text()
    assert order(runner)[-1] == "redis"


def test_a_killed_service_is_told_by_the_signal(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "parent")
    process = runner.start()
    pids = runner.pids(3)
    parent = next(pid for pid in pids if b"web" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(parent, signal.SIGKILL)
    assert process.wait(10) == 1
    assert "web ended (SIGKILL)" in runner.output.read_text()
    assert all(is_dead(pid) for pid in pids)


def test_killing_the_runner_kills_the_services(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "good", "stubborn")
    process = runner.start()
    pids = runner.pids(3)
    process.kill()
    process.wait(10)
    wait_for("the services are gone", lambda: all(is_dead(pid) for pid in pids))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_reader_that_stalls_does_not_keep_it_from_stopping(
    tmp_path: Path, pipe: tuple[int, int]
) -> None:
    writer = pipe[1]
    os.set_blocking(writer, False)
    filling = True
    while filling:
        try:
            os.write(writer, b"x" * 4096)
        except BlockingIOError:
            filling = False
    os.set_blocking(writer, True)
    runner = Runner(tmp_path, "good")
    process = runner.start(stdout=writer)
    wait_for("the services", lambda: len(list(tmp_path.glob("stopped-by-*-later"))) == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(15) == 0
    assert order(runner) == ["web", "redis"]


def test_a_reader_that_leaves_ends_it_without_another_line(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    runner = Runner(tmp_path, "good")
    process = runner.start(stdout=writer)
    os.close(writer)
    said = b""
    while said.count(b"pid") < 2:
        said += os.read(reader, 4096)
    os.close(reader)
    assert process.wait(10) == 0
    assert order(runner) == ["web", "redis"]
