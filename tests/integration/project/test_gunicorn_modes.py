"""Every kind of worker: each one alone gives the same scrape, and none loses counts in churn."""

import contextlib
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.churn import KINDS_OF_FILES, assert_nothing_lost, kill_workers, reload, under_load
from tests.load.client import MIX, Load
from tests.servers.exposition import requests_by_series, series, went_down
from tests.servers.gunicorn import Gunicorn, children, run_gunicorn
from tests.servers.ports import wait_for

MODES = {
    "sync": (),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "preload-gthread": ("--preload", "-k", "gthread", "--threads", "4"),
    "uvicorn": ("-k", "uvicorn_worker.UvicornWorker", "project.asgi:application"),
}
IN_PROGRESS = series("http_requests_in_progress")


@contextlib.contextmanager
def only(server: Gunicorn, worker: int) -> Iterator[None]:
    """Stop all other workers: whoever answers is `worker`."""
    others = [pid for pid in server.workers() if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("mode", ["sync", "gthread", "uvicorn"])
def test_each_worker_alone_gives_the_clients_count(
    mode: str, tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, *MODES[mode], directory=shm_directory) as server:
        result = Load(server.address).start(250).finish()
        assert (result.surprises, result.failed.total()) == ([], 0)
        for worker in server.workers():
            with only(server, worker):
                samples = server.scrape()
            assert requests_by_series(samples) == dict(result.answered)
            assert samples[IN_PROGRESS] == 0


@pytest.mark.parametrize("mode", ["gthread", "preload-gthread", "uvicorn"])
def test_reloads_and_kills_lose_nothing_that_was_answered(
    mode: str, tmp_path: Path, shm_directory: Path
) -> None:
    chance = random.Random(11)
    with run_gunicorn(tmp_path, *MODES[mode], directory=shm_directory) as server:
        with under_load(server, 600) as load:
            kill_workers(server, chance, 4, 0.3)
            wait_for("4 workers", lambda: len(server.workers()) == 4)
            reload(server)
        assert load.result.total > 500
        assert_nothing_lost(server, load.result)
        wait_for("no request in progress", lambda: server.scrape()[IN_PROGRESS] == 0)
        assert len(server.worker_slots()) <= 8
        assert len(server.worker_files()) <= 8 * KINDS_OF_FILES


def test_an_upgrade_with_quit_of_the_old_master_keeps_every_count(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory) as server:
        first = Load(server.address).start(500).finish()
        assert (first.surprises, first.failed.total()) == ([], 0)
        # A slot that nobody holds any more, but with counts: no upgrade may wipe it.
        server.signal(signal.SIGTTOU)
        wait_for("3 workers", lambda: len(server.workers()) == 3)
        assert requests_by_series(server.scrape()) == dict(first.answered)
        old_workers = set(server.workers())
        server.signal(signal.SIGUSR2)

        def new_master() -> int | None:
            masters = set(server.workers()) - old_workers
            return next((pid for pid in masters if len(children(pid)) == 4), None)

        master = wait_for("a new master with 4 workers", new_master)
        wait_for("its workers' boot", lambda: server.log.read_text().count("Booting worker") >= 8)
        before = server.scrape()
        assert requests_by_series(before) == dict(first.answered)

        # No call that is answered with 500 anyway: it would hide one that was interrupted.
        calls = [call for call in MIX if call.status != 500]
        load = Load(server.address, calls, seed=2).start(800)
        wait_for("traffic", lambda: load.result.total > 200)
        server.signal(signal.SIGQUIT)
        server.master.wait(20)
        second = load.finish()

        after = server.scrape()
        assert went_down(before, after) == []
        # QUIT raises SystemExit in each old worker, in whatever it does; gunicorn then answers the
        # request in hand with a 500 of its own, whether or not it was counted before.
        interrupted = len(second.surprises)
        assert interrupted <= 4
        assert all(each.endswith(": 500") for each in second.surprises)
        counted = sum(requests_by_series(after).values()) - first.total
        most = second.total + second.failed.total()
        assert second.total - interrupted <= counted <= most

        # The new master goes on as any other: its reload wipes nothing either.
        workers = set(children(master))
        os.kill(master, signal.SIGHUP)
        wait_for("new workers", lambda: len(set(children(master)) - workers) == 4)
        wait_for("old workers gone", lambda: not workers & set(children(master)))
        assert requests_by_series(server.scrape()) == requests_by_series(after)
        assert len(server.worker_slots()) <= 8
        assert len(server.worker_files()) <= 8 * KINDS_OF_FILES
