"""A metrics file system that is full costs new series, and nothing else."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.client import Call, Load
from tests.servers.exposition import requests_by_series, series
from tests.servers.gunicorn import run_gunicorn
from tests.servers.ports import wait_for

NO_SPACE = series("monitoring_dropped_total", reason="no_space")


@pytest.fixture
def small_tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of 2 MiB."""
    path = tmp_path / "small"
    path.mkdir(mode=0o700)
    assert os.geteuid() == 0, "this test mounts a tmpfs: run it as root"
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(path)], check=True
    )
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(directory: Path) -> Path:
    """Write until there is not one byte left."""
    path = directory / "filler"
    with path.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return path


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
    with run_gunicorn(tmp_path, directory=small_tmpfs) as server:
        workers = sorted(server.workers())
        before = Load(server.address, old).start(400).finish()
        load = Load(server.address, old + new, seed=2).start(4000)
        filler = fill(small_tmpfs)
        during = load.finish()
        assert (during.failed.total(), during.surprises) == (0, [])
        assert sorted(server.workers()) == workers
        samples = server.scrape()
        assert samples[NO_SPACE] > 0
        # What had its place before keeps its exact count.
        ok = ("GET", "/demo/ok/", "200")
        assert requests_by_series(samples)[ok] == before.answered[ok] + during.answered[ok]

        filler.unlink()
        teapot = ("GET", "/demo/items/<int:pk>/", "200")

        def is_counted_again() -> bool:
            server.get("/demo/items/1/")
            return teapot in requests_by_series(server.scrape())

        wait_for("new series are recorded again", is_counted_again)
        assert sorted(server.workers()) == workers


def test_workers_start_on_a_full_file_system(tmp_path: Path, small_tmpfs: Path) -> None:
    """They serve without metrics, and record once there is space."""
    with run_gunicorn(tmp_path, directory=small_tmpfs, workers=1) as server:
        filler = fill(small_tmpfs)
        for path in small_tmpfs.glob("*.db"):
            path.unlink()
        (small_tmpfs / "filler2").touch()
        with (small_tmpfs / "filler2").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError as error:
                assert error.errno == errno.ENOSPC
        (worker,) = server.workers()
        os.kill(worker, 9)
        wait_for("a successor", lambda: server.workers() not in ([], [worker]))
        assert [server.get("/demo/ok/")[0] for _ in range(20)] == [200] * 20
        (small_tmpfs / "filler2").unlink()
        filler.unlink()

        def is_counted() -> bool:
            server.get("/demo/ok/")
            return ("GET", "/demo/ok/", "200") in requests_by_series(server.scrape())

        wait_for("requests are recorded", is_counted)
        assert server.scrape()[NO_SPACE] > 0
