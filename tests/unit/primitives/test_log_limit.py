"""A line that is logged once a minute, whoever logs it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitoring.primitives.log_limit import LogLimit
from tests.unit.conftest import RunPython


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_once_a_minute_for_each_key(clock: list[float]) -> None:
    limit = LogLimit()
    assert limit.passes("a")
    assert limit.passes("b")
    clock[0] += 59.9
    assert not limit.passes("a")
    clock[0] += 0.1
    assert limit.passes("a")
    assert not limit.passes("a")


def test_what_is_forgotten_is_news(clock: list[float]) -> None:
    limit = LogLimit()
    assert limit.passes("a")
    assert limit.passes("b")
    limit.forget("a")
    assert limit.passes("a")
    assert not limit.passes("b")
    limit.forget("never seen")


def test_of_many_threads_one_passes() -> None:
    limit, count = LogLimit(), 16
    together = threading.Barrier(count)

    def ask(_: int) -> bool:
        together.wait(30)
        return limit.passes("a")

    with ThreadPoolExecutor(count) as threads:
        assert sum(threads.map(ask, range(count))) == 1


@pytest.mark.needs("fork")
def test_a_fork_while_a_thread_asks_leaves_a_child_that_can(run_python: RunPython) -> None:
    output = run_python(
        """
from monitoring.primitives import log_limit
limit = log_limit.LogLimit()
assert limit.passes("told")
entered, leave = threading.Event(), threading.Event()
def hold():
    with log_limit._lock():
        entered.set()
        leave.wait(30)
thread = threading.Thread(target=hold)
thread.start()
entered.wait(30)
if os.fork() == 0:
    print(limit.passes("told"), limit.passes("new"), flush=True)
    os._exit(0)
os.wait()
leave.set()
"""
    )
    assert output.split() == ["False", "True"]
