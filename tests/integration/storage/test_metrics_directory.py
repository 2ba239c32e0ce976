"""When the metrics directory is wiped, when it is refused, and what becomes of damaged files."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT
from tests.servers.exposition import series
from tests.servers.gunicorn import (
    Gunicorn,
    command,
    environment,
    is_dead,
    run_gunicorn,
)
from tests.servers.ports import free_port, wait_for

OK = series("http_requests_total", method="GET", route="/demo/ok/", status="200")
CORRUPT = series("monitoring_corrupt_files_total")


def ask(server: Gunicorn, count: int) -> None:
    for _ in range(count):
        assert server.get("/demo/ok/")[0] == 200


def test_a_fresh_start_begins_at_zero(tmp_path: Path, shm_directory: Path) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2) as server:
        ask(server, 5)
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2) as server:
        assert OK not in server.scrape()
        assert shm_directory.stat().st_mode & 0o777 == 0o700


def test_a_fresh_start_spares_the_slots_of_live_processes(
    tmp_path: Path, shm_directory: Path
) -> None:
    """A second server, or a Celery worker, on the same directory."""
    with run_gunicorn(tmp_path / "a", directory=shm_directory, workers=2) as first:
        ask(first, 5)
        with run_gunicorn(tmp_path / "b", directory=shm_directory, workers=2) as second:
            ask(second, 3)
            assert first.scrape()[OK] == second.scrape()[OK] == 8
        ask(first, 1)
        assert first.scrape()[OK] == 9


def test_a_directory_that_vanished_is_made_anew_at_the_next_start(
    tmp_path: Path, shm_directory: Path
) -> None:
    nested = shm_directory / "deeper" / "still"
    with run_gunicorn(tmp_path, directory=nested, workers=1) as server:
        ask(server, 1)
        assert server.scrape()[OK] == 1


def test_a_directory_deleted_under_a_running_server_comes_back_with_every_count(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, "-k", "gthread", directory=shm_directory, workers=1) as server:
        ask(server, 20)
        shutil.rmtree(shm_directory)
        ask(server, 20)

        def is_back() -> bool:
            """Each request is a chance for the worker to notice, once a second."""
            ask(server, 1)
            return (shm_directory / "counter_web-0.db").exists()

        wait_for("the worker's files", is_back)
        before = server.scrape()[OK]
        assert before > 40
        ask(server, 7)
        assert server.scrape()[OK] == before + 7


def test_a_fresh_start_spares_a_live_process_of_another_role(
    tmp_path: Path, shm_directory: Path
) -> None:
    """A Celery worker goes on while its web server is restarted."""
    script = (
        "import sys; from monitoring import storage; storage.install('celery');"
        "from prometheus_client import Counter; Counter('tasks', 'T.').inc(3);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PROMETHEUS_MULTIPROC_DIR": str(shm_directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as celery:
        assert celery.stdout is not None
        assert celery.stdout.readline() == b"ready\n"
        with run_gunicorn(tmp_path / "a", directory=shm_directory, workers=1) as server:
            assert server.scrape()[series("tasks_total")] == 3
        assert celery.stdin is not None
        celery.stdin.close()
    with run_gunicorn(tmp_path / "b", directory=shm_directory, workers=1) as server:
        assert series("tasks_total") not in server.scrape()


def refused_start(tmp_path: Path, directory: Path) -> str:
    """What gunicorn says when it does not start."""
    done = subprocess.run(
        command(),
        cwd=ROOT,
        env=environment(directory, tmp_path, BIND=f"127.0.0.1:{free_port()}"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_an_unsafe_directory_is_refused_at_start(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    said = refused_start(tmp_path, open_to_all)
    assert f"PROMETHEUS_MULTIPROC_DIR={open_to_all}" in said
    assert "chmod it to 0700" in said

    a_file = tmp_path / "file"
    a_file.touch()
    assert "is not a directory" in refused_start(tmp_path, a_file)

    a_link = tmp_path / "link"
    a_link.symlink_to(tmp_path)
    assert "links are not followed" in refused_start(tmp_path, a_link)


def test_a_damaged_file_of_a_slot_is_set_aside_and_its_sound_entries_go_on(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=1) as server:
        ask(server, 5)
        (worker,) = server.workers()
        os.kill(server.master.pid, signal.SIGSTOP)  # it cannot start a successor yet
        os.kill(worker, signal.SIGKILL)
        wait_for("the worker's end", lambda: is_dead(worker))
        histogram = shm_directory / "histogram_web-0.db"
        content = bytearray(histogram.read_bytes())
        content[9000:9400] = b"\xff" * 400
        histogram.write_bytes(content)
        os.kill(server.master.pid, signal.SIGCONT)
        wait_for("a new worker", lambda: server.workers() not in ([], [worker]))
        ask(server, 2)
        samples = server.scrape()
        assert samples[OK] == 7
        assert samples[CORRUPT] >= 1
        assert (shm_directory / "histogram_web-0.db.damaged").exists()
        assert server.log.read_text().count("damaged histogram file was set aside") == 1
