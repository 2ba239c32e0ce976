"""The ledger is exact: the load rests, dead slots stay dead, and a fault has its slot."""

import contextlib
import fcntl
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from tests.chaos.ledger import Look
from tests.chaos.slot_counts import TASKS, counts_by_slot, dead_slots, owners
from tests.chaos.tasks import TICK
from tests.load.client import SERVED_BY, Call, Load
from tests.servers.http_server import LocalServer, Quiet, serving

OK = Call("GET", "/ok/", "/ok/", 200)


def test_a_load_at_rest_has_nothing_under_way_and_goes_on_afterwards() -> None:
    with run_counting_site() as site:
        load = Load(site.address, [OK], threads=4).start(10_000_000)
        for _ in range(20):
            before = site.counted
            while site.counted < before + 5:
                time.sleep(0.001)
            with load.at_rest():
                result = load.so_far()
                assert result.sent == result.answered == Counter({OK.labels: site.counted})
                assert result.by_process == {(os.getpid(), OK.labels): site.counted}
                time.sleep(0.01)
                assert load.so_far().sent == result.sent
        load.finish(early=True)


def test_dead_slots_are_those_without_an_owner_and_get_none_meanwhile(tmp_path: Path) -> None:
    write_slot(tmp_path, "web-0", requests=3)
    write_slot(tmp_path, "web-1", requests=4)
    write_slot(tmp_path, "celery-0", tasks=5)
    (tmp_path / "counter_web-99.db").write_bytes(b"nobody could have written this")
    with locked(tmp_path / "web-0.lock"):
        with dead_slots(tmp_path) as found:
            assert found == {OK.labels: 4, TASKS: 5}
            with pytest.raises(BlockingIOError), locked(tmp_path / "web-1.lock"):
                pass
        with locked(tmp_path / "web-1.lock"):
            pass


def test_a_fault_says_which_slot_and_which_process(tmp_path: Path) -> None:
    write_slot(tmp_path, "web-0", requests=3, pid=100)
    write_slot(tmp_path, "web-1", requests=4, pid=200)
    before = Look(1.0, Counter(), counts_by_slot(tmp_path), owners(tmp_path))
    write_slot(tmp_path, "web-1", requests=5, pid=200)
    answered = Counter({(200, OK.labels): 2, (300, OK.labels): 1})
    now = Look(2.0, answered, counts_by_slot(tmp_path), owners(tmp_path))
    assert list(now.by_slot(before, Counter({OK.labels: 2}))) == [
        f"{OK.labels} no slot: answered since 1 by pid 300; counted 0 -> 0",
        f"{OK.labels} web-1: answered since 2 by pid 200; counted 4 -> 5",
    ]


def write_slot(directory: Path, slot: str, requests: int = 0, tasks: int = 0, pid: int = 1) -> None:
    (directory / f"{slot}.lock").write_text(json.dumps({"pid": pid}))
    file = MmapedDict(str(directory / f"counter_{slot}.db"))
    method, route, status = OK.labels
    labels = {"method": method, "route": route, "status": status}
    for name, its, count in (
        ("http_requests_total", labels, requests),
        ("celery_tasks_started_total", {"task": TICK}, tasks),
    ):
        file.write_value(json.dumps([name, name, its, "Help."]), count, 0.0)
    file.close()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


class CountingSite(LocalServer):
    """Counts each request before it answers."""

    counted = 0
    lock = threading.Lock()


class _Handler(Quiet, BaseHTTPRequestHandler):
    server: CountingSite

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.counted += 1
        self.send_response(200)
        self.send_header(SERVED_BY, str(os.getpid()))
        self.end_headers()


@contextlib.contextmanager
def run_counting_site() -> Iterator[CountingSite]:
    with serving(CountingSite(_Handler)) as site:
        yield site
