"""Process figures are those of /proc; a slot's owner is told by pid and start time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from monitoring.processes.process_metrics import read_slots, slot_metrics
from tests.unit.stock import samples_of

# Takes the slot web-0, says so, and waits.
_HOLDER = """
import sys
from monitoring import storage
from monitoring.storage import attach
storage.install("web", sys.argv[1])
attach()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(metrics_directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(metrics_directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def metrics(directory: Path) -> list[Metric]:
    return list(slot_metrics(read_slots(directory)))


@pytest.mark.needs("proc")
def test_the_figures_are_the_kernels(
    holder: "subprocess.Popen[bytes]", metrics_directory: Path
) -> None:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{holder.pid}/status").read_text().splitlines()
    )
    ours = {
        name: value
        for (name, labels), value in samples_of(metrics(metrics_directory)).items()
        if dict(labels) == {"slot": "web-0", "role": "web"}
    }
    assert ours["process_virtual_memory_bytes"] == 1024 * int(status["VmSize"].split()[0])
    assert ours["process_threads"] == int(status["Threads"])
    assert ours["process_open_fds"] == len(list(Path(f"/proc/{holder.pid}/fd").iterdir()))
    assert ours["process_max_fds"] == os.sysconf("SC_OPEN_MAX")
    # The kernel counts resident pages per thread and adds them up now and then.
    assert ours["process_resident_memory_bytes"] == pytest.approx(
        1024 * int(status["VmRSS"].split()[0]), rel=0.1
    )
    assert ours["process_cpu_seconds_total"] > 0
    started = Path(f"/proc/{holder.pid}").stat().st_mtime
    assert ours["process_start_time_seconds"] == pytest.approx(started, abs=5)


def test_a_dead_owner_has_no_figures_and_its_slot_is_free(
    holder: "subprocess.Popen[bytes]", metrics_directory: Path
) -> None:
    holder.kill()
    holder.wait()
    samples = samples_of(metrics(metrics_directory))
    assert samples == {("monitoring_slots", (("role", "web"), ("state", "free"))): 1}


def test_another_process_that_got_the_owners_pid_is_not_taken_for_it(
    holder: "subprocess.Popen[bytes]", metrics_directory: Path
) -> None:
    lock = metrics_directory / "web-0.lock"
    lock.write_text(f'{{"pid": {os.getpid()}, "start_ticks": 1}}')
    slots = read_slots(metrics_directory)
    assert slots.processes == ()
    assert slots.states == {("web", "held"): 1}


@pytest.mark.parametrize("record", ["", "{", "[]", '{"pid": "x"}', '{"pid": -1, "start_ticks": 0}'])
def test_a_damaged_lock_file_costs_only_its_process(
    record: str, holder: "subprocess.Popen[bytes]", metrics_directory: Path
) -> None:
    (metrics_directory / "web-0.lock").write_text(record)
    assert read_slots(metrics_directory).processes == ()


def test_threads_are_counted(metrics_directory: Path) -> None:
    code = _HOLDER.replace(
        "attach()\n",
        "attach()\nimport threading, time\nfor _ in range(3):\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(metrics_directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (state,) = read_slots(metrics_directory).processes
        process.kill()
    assert state.stat.threads == 4
