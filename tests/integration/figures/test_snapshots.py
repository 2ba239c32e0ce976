"""Snapshots are taken by one process at a time, whoever lives, and nobody has to scrape."""

import os
import signal
from pathlib import Path

from monitoring.figures.moments import Moment
from monitoring.figures.snapshot_taker import LOCK_FILE
from monitoring.figures.snapshots import Snapshots
from monitoring.storage.format import metric_files
from tests.load.client import Load
from tests.servers.exporter import run_exporter
from tests.servers.gunicorn import run_gunicorn
from tests.servers.ports import wait_for


def holder(directory: Path) -> int | None:
    """The process that takes the snapshots: the one whose lock is on that file."""
    inode = (directory / LOCK_FILE).stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[5].rsplit(":", 1)[1]) == inode:
            return int(fields[4])
    return None


def requests(moment: Moment | None) -> float:
    if moment is None:
        return 0.0
    return sum(
        float(value)
        for line, value in zip(moment.table.lines, moment.values, strict=True)
        if line.name == "http_requests_total"
    )


def latest(directory: Path) -> Moment | None:
    return Snapshots(directory).nearest(1e12)


def wait_for_another(directory: Path, than: int) -> None:
    wait_for("another holder", lambda: holder(directory) not in (None, than), 12)


def wait_for_snapshot(directory: Path, answered: int) -> None:
    wait_for("the counts in a snapshot", lambda: requests(latest(directory)) == answered, 15)


def test_snapshots_go_on_as_their_process_is_killed_again_and_again(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=3) as server:
        answered = 0
        for _ in range(3):
            pid = wait_for("a holder", lambda: holder(shm_directory))
            assert pid in server.workers()
            os.kill(pid, signal.SIGKILL)
            wait_for_another(shm_directory, pid)
            answered += Load(server.address, threads=2).start(50).finish().answered.total()
            wait_for_snapshot(shm_directory, answered)
        start = Snapshots(shm_directory).start()
        assert start is not None
        assert start.counters_began
        first = Snapshots(shm_directory).nearest(start.time)
        assert first is not None
        assert requests(first) == 0  # the window reaches back to before all of that


def test_an_exporter_takes_it_from_the_workers_and_gives_it_back(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2) as server:
        wait_for("a worker", lambda: holder(shm_directory) in server.workers())
        with run_exporter(tmp_path / "exporter", directory=shm_directory) as exporter:
            wait_for("the exporter", lambda: holder(shm_directory) == exporter.process.pid, 15)
        wait_for("a worker again", lambda: holder(shm_directory) in server.workers(), 12)


def test_a_restarted_server_begins_a_new_ring(tmp_path: Path, shm_directory: Path) -> None:
    for _ in range(2):
        with run_gunicorn(tmp_path, directory=shm_directory, workers=1) as server:
            Load(server.address, threads=2).start(40).finish()
            wait_for_snapshot(shm_directory, 40)


def test_the_thread_keeps_no_process_from_ending(tmp_path: Path, shm_directory: Path) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2) as server:
        wait_for("a holder", lambda: holder(shm_directory))
        server.signal(signal.SIGTERM)
        assert server.master.wait(5) == 0
    assert list(metric_files(path.name for path in shm_directory.iterdir()))
