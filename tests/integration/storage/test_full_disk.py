"""A metrics file system that is full costs new series, and nothing else."""

import os
import signal
from pathlib import Path

from monitoring.merging.fine_reader import FineReader
from tests.load.client import Call, Load
from tests.servers.exposition import requests_by_series, series
from tests.servers.gunicorn import is_dead, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.small_disk import fill

NO_SPACE = series("monitoring_dropped_total", reason="no_space")
# As prometheus-client writes a series into a metric file.
OK_SERIES = b'"http_requests_total", {"method": "GET", "route": "/demo/ok/", "status": "200"}'


def test_nothing_dies_nothing_fails_and_drops_are_counted(
    tmp_path: Path, small_tmpfs: Path
) -> None:
    old = [Call("GET", "/demo/ok/", "/demo/ok/", 200)]
    # Enough new series to overflow every page that is reserved already, in every worker.
    new = [
        Call("GET", f"/demo/ok/?status={status}", "/demo/ok/", status)
        for status in range(300, 500)
        if status not in (304,)
    ]
    ok = ("GET", "/demo/ok/", "200")

    def counters() -> list[Path]:
        return list(small_tmpfs.glob("counter_web-*.db"))

    with run_gunicorn(tmp_path, directory=small_tmpfs) as server:
        workers = sorted(server.workers())
        answered = 0

        def each_worker_has_its_place() -> bool:
            nonlocal answered
            answered += Load(server.address, old).start(400).finish().answered[ok]
            return sum(OK_SERIES in path.read_bytes() for path in counters()) == len(workers)

        # The first requests may all be over before the last worker has started.
        wait_for("each worker has a place for what it answers", each_worker_has_its_place)
        load = Load(server.address, old + new, seed=2).start(4000)
        filler = fill(small_tmpfs)
        during = load.finish()
        assert (during.failed.total(), during.surprises) == (0, [])
        assert sorted(server.workers()) == workers
        samples = server.scrape()
        assert samples[NO_SPACE] > 0
        # What had its place before keeps its exact count.
        assert requests_by_series(samples)[ok] == answered + during.answered[ok]
        fine = FineReader(small_tmpfs, lambda: None).read()
        counted = dict(zip(fine.endpoints, fine.counts.sum(axis=1).tolist(), strict=True))
        assert counted["GET", "/demo/ok/"] == answered + during.total

        filler.unlink()
        teapot = ("GET", "/demo/items/<int:pk>/", "200")

        def is_counted_again() -> bool:
            server.get("/demo/items/1/")
            return teapot in requests_by_series(server.scrape())

        wait_for("new series are recorded again", is_counted_again)
        assert sorted(server.workers()) == workers


def test_a_worker_starts_on_a_full_file_system(tmp_path: Path, small_tmpfs: Path) -> None:
    """It serves without metrics, and records once there is space."""
    with run_gunicorn(tmp_path, directory=small_tmpfs, workers=1) as server:
        (worker,) = server.workers()
        os.kill(server.master.pid, signal.SIGSTOP)  # no successor before the space is gone
        os.kill(worker, signal.SIGKILL)
        wait_for("the worker's end", lambda: is_dead(worker))
        for path in small_tmpfs.glob("*.db"):
            path.unlink()
        filler = fill(small_tmpfs)
        os.kill(server.master.pid, signal.SIGCONT)
        assert [server.get("/demo/ok/")[0] for _ in range(20)] == [200] * 20
        assert os.statvfs(small_tmpfs).f_bavail == 0
        successors = server.workers()
        filler.unlink()

        def is_counted() -> bool:
            server.get("/demo/ok/")
            return ("GET", "/demo/ok/", "200") in requests_by_series(server.scrape())

        wait_for("requests are recorded", is_counted)
        assert server.scrape()[NO_SPACE] > 0
        assert server.workers() == successors
