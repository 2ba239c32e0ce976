"""The election of the process that takes snapshots, around forks and emptied directories."""

from pathlib import Path

import pytest

from monitoring.figures.snapshot_taker import LOCK_FILE, Election
from monitoring.storage.slots import EXPORTER, take
from tests.unit.conftest import RunPython

_HOLD = """
from monitoring.figures.snapshot_taker import Election
directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
election = Election(directory, is_exporter=False)
assert election.is_won()
"""


@pytest.mark.needs("fork")
def test_a_forked_child_does_not_keep_its_dead_parent_s_lock(
    metrics_directory: Path, run_python: RunPython
) -> None:
    child = int(
        run_python(
            _HOLD
            + """
child = os.fork()
if child == 0:
    os.close(1), os.close(2)
    time.sleep(30)
    os._exit(0)
assert election.is_won()  # the child's copy is gone, and ours holds
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        )
    )
    assert Path(f"/proc/{child}").exists()
    election = Election(metrics_directory, is_exporter=False)
    assert election.is_won()
    election.leave()


def test_one_of_two_wins_and_the_other_takes_over(metrics_directory: Path) -> None:
    first = Election(metrics_directory, is_exporter=False)
    second = Election(metrics_directory, is_exporter=True)
    assert first.is_won()
    assert not second.is_won()
    first.leave()
    assert second.is_won()
    assert not first.is_won()
    second.leave()


def test_workers_leave_the_snapshots_to_a_second_exporter_that_outlives_the_first(
    metrics_directory: Path,
) -> None:
    first, second = take(metrics_directory, EXPORTER), take(metrics_directory, EXPORTER)
    worker = Election(metrics_directory, is_exporter=False)
    first.forget()
    assert not worker.is_won()
    second.forget()
    assert worker.is_won()
    worker.leave()


@pytest.mark.needs("moves")
def test_an_emptied_directory_is_elected_in_anew(metrics_directory: Path) -> None:
    first = Election(metrics_directory, is_exporter=False)
    assert first.is_won()
    (metrics_directory / LOCK_FILE).unlink()
    second = Election(metrics_directory, is_exporter=False)
    assert second.is_won()
    assert not first.is_won()
    second.leave()


@pytest.mark.needs("fork")
def test_a_thread_of_its_own_for_each_process(
    metrics_directory: Path, run_python: RunPython
) -> None:
    output = run_python(
        """
from monitoring.figures.snapshot_taker import ensure_running
directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
def threads():
    return [t.name for t in threading.enumerate() if t.name == "monitoring-snapshots"]
ensure_running(directory)
ensure_running(directory)
print(len(threads()), flush=True)
if os.fork() == 0:
    print(len(threads()), flush=True)
    ensure_running(directory)
    print(len(threads()), flush=True)
    os._exit(0)
os.wait()
"""
    )
    assert output.split() == ["1", "0", "1"]
