"""Workers die, reload, recycle and are upgraded under load: no count is lost, doubled or reset."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.load.churn import KINDS_OF_FILES, assert_nothing_lost, kill_workers, reload, under_load
from tests.load.client import Call, Load
from tests.servers.exposition import series
from tests.servers.gunicorn import Gunicorn, children, run_gunicorn
from tests.servers.ports import wait_for


def test_kill_9_of_random_workers(tmp_path: Path, shm_directory: Path) -> None:
    chance = random.Random(7)
    with run_gunicorn(tmp_path, directory=shm_directory) as server:
        with under_load(server, 2500) as load:
            kill_workers(server, chance, 15, 0.2)
        result = load.result
        assert result.total > 2200
        assert_nothing_lost(server, result)
        wait_for(
            "no request in progress",
            lambda: server.scrape()[series("http_requests_in_progress")] == 0,
        )
        assert len(server.worker_slots()) <= 4 + 1  # a successor may start before the kill is seen
        assert len(server.worker_files()) <= 5 * KINDS_OF_FILES


def has_workers(server: Gunicorn, count: int) -> bool:
    return len(server.workers()) == count


def more_and_fewer(server: Gunicorn) -> None:
    for number, count in ((signal.SIGTTIN, 5), (signal.SIGTTIN, 6), (signal.SIGTTOU, 5)):
        server.signal(number)
        wait_for(f"{count} workers", partial(has_workers, server, count))
    server.signal(signal.SIGTTOU)
    wait_for("4 workers", lambda: len(server.workers()) == 4)


@pytest.mark.parametrize(
    ("arguments", "disturb", "peak"),
    [((), reload, 8), (("--preload",), reload, 8), ((), more_and_fewer, 6)],
    ids=["HUP", "preload-HUP", "TTIN-TTOU"],
)
def test_graceful_changes_are_exact(
    arguments: tuple[str, ...],
    disturb: Callable[[Gunicorn], None],
    peak: int,
    tmp_path: Path,
    shm_directory: Path,
) -> None:
    with run_gunicorn(tmp_path, *arguments, directory=shm_directory) as server:
        with under_load(server, 1200) as load:
            disturb(server)
            disturb(server)
        assert_nothing_lost(server, load.result)
        assert load.result.failed.total() <= 4 * 8  # connections that a leaving worker had accepted
        assert len(server.worker_slots()) <= peak
        assert len(server.worker_files()) <= peak * KINDS_OF_FILES


def test_recycled_workers_leave_no_files_behind(tmp_path: Path, shm_directory: Path) -> None:
    with run_gunicorn(tmp_path, "--max-requests", "50", directory=shm_directory) as server:
        with under_load(server, 900) as load:
            pass
        assert_nothing_lost(server, load.result)
        recycled = server.log.read_text().count("Booting worker")
        assert recycled > 12
        # A worker that leaves may overlap with its successor.
        assert len(server.worker_slots()) <= 8
        assert len(server.worker_files()) <= 8 * KINDS_OF_FILES


def test_a_usr2_upgrade_keeps_every_count(tmp_path: Path, shm_directory: Path) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory) as server:
        with under_load(server, 1500) as load:
            old_workers = set(server.workers())
            server.signal(signal.SIGUSR2)
            new_master = wait_for(
                "a new master with 4 workers",
                lambda: next(
                    (
                        child
                        for child in children(server.master.pid)
                        if child not in old_workers and len(children(child)) == 4
                    ),
                    None,
                ),
            )
            time.sleep(0.5)
            server.signal(signal.SIGTERM)
            server.master.wait(20)
        assert_nothing_lost(server, load.result)
        assert len(children(new_master)) == 4
        assert len(server.worker_slots()) <= 8
        assert len(server.worker_files()) <= 8 * KINDS_OF_FILES


def test_requests_in_progress_heal_after_kill_9(tmp_path: Path, shm_directory: Path) -> None:
    slow = [Call("GET", "/demo/slow/?ms=8000", "/demo/slow/", 200)]
    # More threads than requests: a scrape is answered even if one worker got all of them.
    with run_gunicorn(
        tmp_path, "-k", "gthread", "--threads", "8", directory=shm_directory, workers=2
    ) as server:

        def in_progress() -> float:
            return server.scrape()[series("http_requests_in_progress")]

        load = Load(server.address, slow, threads=4).start(4)
        wait_for("4 requests in progress", lambda: in_progress() == 4)
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        wait_for("no request in progress", lambda: in_progress() == 0)
        assert load.finish().answered.total() == 0


def test_a_stopped_worker_does_not_stop_the_others_scrapes(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2) as server:
        first, _ = server.workers()
        os.kill(first, signal.SIGSTOP)
        try:
            answered = 0
            for _ in range(10):
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    server.scrape()
                    answered += 1
            assert answered > 0
        finally:
            os.kill(first, signal.SIGCONT)
