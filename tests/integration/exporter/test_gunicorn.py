"""The exporter beside gunicorn: it answers when no worker can, and tells what they do."""

import contextlib
import os
import re
import signal
import socket
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.load.client import Call, Load
from tests.servers.exporter import Exporter, run_exporter
from tests.servers.exposition import Series, requests_by_series, series
from tests.servers.gunicorn import SCRAPE, Gunicorn, run_gunicorn
from tests.servers.ports import wait_for

WORKERS = 3
BACKLOG = 4
BOOTS = series("gunicorn_worker_boots_total")
OK = Call("GET", "/demo/ok/", "/demo/ok/", 200)


@dataclass
class Site:
    """gunicorn, and the exporter of its metrics directory."""

    gunicorn: Gunicorn
    exporter: Exporter

    def workers(self, state: str) -> float:
        return self.exporter.scrape()[series("gunicorn_workers", state=state)]

    def exits(self, reason: str) -> float:
        return self.exporter.scrape().get(series("gunicorn_worker_exits_total", reason=reason), 0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("site")
    backlog = ("--backlog", str(BACKLOG))
    with (
        run_gunicorn(work, *backlog, directory=work / "metrics", workers=WORKERS) as gunicorn,
        run_exporter(work / "exporter", directory=work / "metrics") as exporter,
    ):
        yield Site(gunicorn, exporter)


@pytest.fixture
def site(shared: Site) -> Site:
    """With all of its workers, and none of them busy."""
    wait_for("idle workers", lambda: shared.workers("idle") == WORKERS)
    assert shared.workers("busy") == 0
    return shared


@contextlib.contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def median_seconds(exporter: Exporter) -> float:
    times = []
    for _ in range(30):
        began = time.perf_counter()
        assert exporter.get().status == 200
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def test_with_every_worker_stopped_it_answers_as_ever_and_says_they_are_busy(site: Site) -> None:
    Load(site.gunicorn.address).start(100).finish()
    wait_for("idle workers", lambda: site.workers("idle") == WORKERS)
    usual = median_seconds(site.exporter)
    before = requests_by_series(site.exporter.scrape())
    with stopped(site.gunicorn.workers()):
        wait_for("all of them to be stopped", lambda: site.workers("busy") == WORKERS)
        assert site.workers("idle") == 0
        assert median_seconds(site.exporter) < 5 * usual
        assert requests_by_series(site.exporter.scrape()) == before
    wait_for("all of them to be idle", lambda: site.workers("idle") == WORKERS)


def test_the_exporter_and_a_worker_tell_the_same_counts(site: Site) -> None:
    before = Counter(requests_by_series(site.exporter.scrape()))
    result = Load(site.gunicorn.address).start(200).finish()
    counted = requests_by_series(site.exporter.scrape())
    assert counted == requests_by_series(site.gunicorn.scrape())
    assert Counter(counted) - before == result.answered


def has_value(exporter: Exporter, wanted: Series, value: float) -> bool:
    return exporter.scrape().get(wanted) == value


def test_connections_that_no_worker_accepts_are_in_the_backlog(site: Site) -> None:
    address = site.gunicorn.address
    length = series("gunicorn_listen_backlog_connections", listener=address)
    limit = series("gunicorn_listen_backlog_limit_connections", listener=address)
    assert (site.exporter.scrape()[length], site.exporter.scrape()[limit]) == (0, BACKLOG)
    with stopped(site.gunicorn.workers()), contextlib.ExitStack() as clients:
        wait_for("all of them to be stopped", lambda: site.workers("busy") == WORKERS)
        for waiting in range(1, BACKLOG + 1):
            clients.enter_context(
                socket.create_connection((site.gunicorn.host, site.gunicorn.port))
            )
            is_shown = partial(has_value, site.exporter, length, waiting)
            wait_for(f"{waiting} in the queue", is_shown)
    wait_for("an empty queue", lambda: site.exporter.scrape()[length] == 0)


def own_reading(pid: int) -> dict[str, float]:
    """A process's figures by other files of /proc than the exporter reads."""
    status = {
        line.split(":")[0]: line.split(":")[1].split()[0]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if len(line.split(":")[1].split()) > 0
    }
    scheduled = float(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return {
        "process_cpu_seconds_total": scheduled,
        "process_virtual_memory_bytes": 1024.0 * int(status["VmSize"]),
        "process_resident_memory_bytes": 1024.0 * int(status["VmRSS"]),
        "process_threads": float(status["Threads"]),
        "process_open_fds": float(len(os.listdir(f"/proc/{pid}/fd"))),  # noqa: PTH208
    }


def test_process_figures_of_each_worker_and_the_master_are_the_kernels(site: Site) -> None:
    Load(site.gunicorn.address).start(300).finish()
    pids = [site.gunicorn.master.pid, *site.gunicorn.workers()]
    samples = site.exporter.scrape()
    slots = {"master-0": "master", **{f"web-{number}": "web" for number in range(WORKERS)}}

    def shown(name: str, slot: str) -> float:
        return samples[series(name, slot=slot, role=slots[slot])]

    # Each has the lock file of its own slot open, and no other.
    owners = {
        link.readlink().stem: pid
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if re.fullmatch(r"(web|master)-\d+\.lock", link.readlink().name)
    }
    assert sorted(owners) == sorted(slots)
    assert sorted(owners.values()) == sorted(pids)
    for slot, pid in owners.items():
        expected = own_reading(pid)
        for name in ("process_virtual_memory_bytes", "process_threads"):
            assert shown(name, slot) == expected[name], (slot, name)
        # A thread that takes a snapshot has two files open for a moment.
        name = "process_open_fds"
        assert shown(name, slot) == pytest.approx(expected[name], abs=2)
        name = "process_resident_memory_bytes"
        assert shown(name, slot) == pytest.approx(expected[name], rel=0.25)
        # Ticks are sampled, and a virtual machine's lost time counts in one and not in the other:
        # the units must agree, not the microseconds.
        name = "process_cpu_seconds_total"
        assert shown(name, slot) == pytest.approx(expected[name], abs=0.5, rel=0.5)
        started = shown("process_start_time_seconds", slot)
        assert started == pytest.approx(Path(f"/proc/{pid}").stat().st_mtime, abs=5)


def slots_by_role(samples: dict[Series, float]) -> dict[tuple[str, str], float]:
    return {
        (dict(labels)["role"], dict(labels)["state"]): value
        for (name, labels), value in samples.items()
        if name == "monitoring_slots"
    }


def test_slots_are_counted_by_role_and_state(site: Site) -> None:
    assert slots_by_role(site.exporter.scrape()) == {
        ("exporter", "held"): 1,
        ("master", "held"): 1,
        ("web", "held"): WORKERS,
    }
    with stopped([site.gunicorn.master.pid]):  # it cannot replace what is killed
        os.kill(site.gunicorn.workers()[0], signal.SIGKILL)
        wait_for(
            "the slot to be free",
            lambda: slots_by_role(site.exporter.scrape()).get(("web", "free")) == 1,
        )
        assert slots_by_role(site.exporter.scrape())["web", "held"] == WORKERS - 1
        assert site.workers("idle") == WORKERS - 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGALRM])
def test_a_killed_worker_is_an_exit_by_its_signal_and_a_boot(
    number: signal.Signals, site: Site
) -> None:
    boots, exits = site.exporter.scrape()[BOOTS], site.exits(number.name)
    os.kill(site.gunicorn.workers()[0], number)
    wait_for(f"an exit by {number.name}", lambda: site.exits(number.name) == exits + 1)
    wait_for("its successor", lambda: site.exporter.scrape()[BOOTS] == boots + 1)


def test_a_recycled_worker_is_an_exit_with_0(tmp_path: Path, shm_directory: Path) -> None:
    arguments = ("--max-requests", "20", "--graceful-timeout", "5")
    with (
        run_gunicorn(tmp_path, *arguments, directory=shm_directory, workers=2) as gunicorn,
        run_exporter(tmp_path / "exporter", directory=shm_directory) as exporter,
    ):
        site = Site(gunicorn, exporter)
        Load(gunicorn.address, [OK]).start(100).finish()
        wait_for("recycled workers", lambda: site.exits("exit_0") >= 3)
        wait_for("two workers", lambda: sum(map(site.workers, ("busy", "idle"))) == 2)
        exits = site.exits("exit_0")
        assert exporter.scrape()[BOOTS] == 2 + exits


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_than_get_and_head_are_405_at_the_url_too(
    method: str, one_worker: Gunicorn
) -> None:
    assert one_worker.get(SCRAPE, method)[0] == 405


def test_head_at_the_url_has_no_body(one_worker: Gunicorn) -> None:
    assert one_worker.get(SCRAPE, "HEAD") == (200, "")


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    work = tmp_path_factory.mktemp("one-worker")
    with run_gunicorn(work, directory=work / "metrics", workers=1) as running:
        yield running
