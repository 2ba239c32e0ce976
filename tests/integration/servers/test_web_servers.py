"""Each server of docs/servers.md: exact counts over `kill -9`, live gauges, slots, a clean stop."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from monitoring.figures.local_source import LocalSource
from monitoring.figures.request_figures import request_figures
from monitoring.figures.window import Window
from monitoring.metrics import names
from monitoring.metrics.names import HTTP_REQUESTS_IN_PROGRESS
from monitoring.processes.process_metrics import read_slots, read_states
from monitoring.processes.saturation import gunicorn_metrics
from monitoring.processes.server_facts import ServerFacts, write_facts
from monitoring.storage.slots import WEB, is_held, list_lock_files, lock_path, read_owner
from tests.load.client import Call, Load
from tests.paths import ROOT
from tests.servers.exposition import requests_by_series
from tests.servers.ports import wait_for
from tests.servers.web_servers import SERVERS, RunningServer, WebServer, run_server

STREAM = Call("GET", "/demo/stream/", "/demo/stream/", 200)
CALLS = (
    STREAM,
    Call("GET", "/demo/ok/", "/demo/ok/", 200),
    Call("POST", "/demo/ok/?status=201", "/demo/ok/", 201),
    Call("GET", "/demo/items/7/", "/demo/items/<int:pk>/", 200),
    Call("GET", "/demo/error/", "/demo/error/", 500),
    Call("GET", "/demo/queries/?n=2", "/demo/queries/", 200),
)
Answered = Counter[tuple[str, str, str]]


@pytest.mark.parametrize("name", SERVERS)
def test_no_count_is_lost_and_the_slots_tell_the_workers(
    name: str, tmp_path: Path, shm_directory: Path
) -> None:
    server = SERVERS[name]
    with run_server(server, tmp_path, shm_directory) as running:
        # Before any request but the probe's, which one of them has answered.
        wait_for("all workers", lambda: len(alive(running)) == server.workers)
        answered = ask(running, 200)
        assert counted(running) == answered

        kill_a_worker_in_a_request(server, running)
        if server.respawns:
            wait_for("a new worker", lambda: len(alive(running)) == server.workers)
            answered += ask(running, 100)
        else:
            running.master.wait(30)
        assert counted(running) == answered
        assert slots(running.directory) == [f"web-{n}" for n in range(server.workers)]

        if server.respawns:
            stop_under_load(running)
        wait_for("the end", lambda: not held_locks(running.directory))


@pytest.mark.parametrize("name", [name for name in SERVERS if SERVERS[name].configured is None])
def test_a_restart_begins_at_zero_at_once_and_a_reload_goes_on(
    name: str, tmp_path: Path, shm_directory: Path
) -> None:
    server = SERVERS[name]
    leave_an_earlier_run(shm_directory)
    with run_server(server, tmp_path, shm_directory) as running:
        wait_for("all workers", lambda: len(alive(running)) == server.workers)
        assert counted(running) == {}
        assert slots(running.directory) == [f"web-{n}" for n in range(server.workers)]
        assert_workers(server, running, busy=0)
        answered = ask(running, 20)
        if server.reloads:
            earlier = owners(running)
            running.master.send_signal(signal.SIGHUP)
            wait_for("new workers", lambda: owners(running).isdisjoint(earlier))
            wait_for("all workers", lambda: len(alive(running)) == server.workers)
            answered += ask(running, 20)
        assert counted(running) == answered
        stop_under_load(running)
        wait_for("the end", lambda: not held_locks(running.directory))


def leave_an_earlier_run(directory: Path) -> None:
    """Of a gunicorn."""
    script = (
        "from monitoring import storage; storage.install('web');"
        "from prometheus_client import Counter;"
        "Counter('http_requests', 'R.', ['method', 'route', 'status']).labels('', '', '').inc()"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PROMETHEUS_MULTIPROC_DIR": str(directory)},
        check=True,
    )
    write_facts(directory, ServerFacts((), backlog=5, workers=9))


def ask(running: RunningServer, count: int) -> Answered:
    result = Load(running.address, CALLS).start(count).finish()
    assert not result.failures
    assert not result.surprises
    return result.answered


def stop_under_load(running: RunningServer) -> None:
    """What was answered while the server stopped is counted, and nothing twice."""
    before = counted(running)
    # Some servers cut what is under way, and a stream without a length looks whole to its client.
    calls = [call for call in CALLS if call is not STREAM]
    load = Load(running.address, calls, threads=4, pause=0.005).start(1_000_000)
    wait_for("traffic", lambda: load.so_far().total > 30)
    running.stop()
    result = load.finish(early=True)
    added = Counter(counted(running))
    added.subtract(before)
    lost = {labels: count - added[labels] for labels, count in result.answered.items()}
    assert not +Counter(lost), (result.failures, added - result.answered)
    assert added.total() <= result.total + result.failed.total()


def kill_a_worker_in_a_request(server: WebServer, running: RunningServer) -> None:
    """The gauge is live: what the killed worker was answering is gone with it."""
    asker = threading.Thread(target=ask_slowly, args=(running,))
    asker.start()
    slot = wait_for("a request in progress", lambda: busy_slot(running))
    assert_workers(server, running, busy=1)
    owner = read_owner(lock_path(running.directory, slot))
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    asker.join(30)
    wait_for("no request in progress", lambda: not busy_slot(running))


def ask_slowly(running: RunningServer) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        running.get("/demo/slow/?ms=9000")
        raise AssertionError("the request was answered")


def busy_slot(running: RunningServer) -> str | None:
    in_progress = running.merged().by_owner(HTTP_REQUESTS_IN_PROGRESS)
    return next((slot for slot, count in in_progress.items() if count), None)


def assert_workers(server: WebServer, running: RunningServer, busy: int) -> None:
    """What the slots tell is right for every server; what only gunicorn tells is null elsewhere."""
    figures = request_figures(LocalSource(running.directory).traffic(Window()))
    assert figures["workers"] == {
        "configured": server.configured,
        "alive": server.workers,
        "busy": busy,
    }
    assert ("workers.configured" in figures["unavailable"]) == (server.configured is None)
    in_progress = running.merged().by_owner(HTTP_REQUESTS_IN_PROGRESS)
    held = read_slots(running.directory)
    shown = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in gunicorn_metrics(running.directory, held, in_progress)
        for sample in family.samples
    }
    assert shown[names.GUNICORN_WORKERS, "busy"] == busy
    assert shown[names.GUNICORN_WORKERS, "idle"] == server.workers - busy
    assert shown.get((names.GUNICORN_WORKERS_CONFIGURED, None)) == server.configured


def alive(running: RunningServer) -> dict[str, str]:
    return read_states(running.directory, WEB)


def owners(running: RunningServer) -> set[int]:
    paths = [path for path in list_lock_files(running.directory) if is_held(path)]
    found = [read_owner(path) for path in paths if path.name.startswith(WEB)]
    return {owner.pid for owner in found if owner is not None}


def counted(running: RunningServer) -> dict[tuple[str, str, str], float]:
    return requests_by_series(running.samples())


def slots(directory: Path) -> list[str]:
    return [path.stem for path in list_lock_files(directory) if path.stem.startswith("web-")]


def held_locks(directory: Path) -> list[str]:
    return [path.name for path in directory.glob("*.lock") if is_held(path)]
