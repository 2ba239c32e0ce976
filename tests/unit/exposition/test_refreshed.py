"""Figures that a thread asks for: a scrape gets the last ones, and waits for none."""

import threading
from collections.abc import Callable

import pytest

from monitoring.exposition.refreshed import Refreshed
from tests.unit.conftest import RunPython

LONG = 60.0  # seconds that nobody waits for here


def test_the_call_that_starts_the_thread_waits_for_the_first_answer() -> None:
    figures = Refreshed("test-figures", lambda: 7, LONG)
    assert figures.get(LONG) == 7
    assert figures.get() == 7


def test_a_scrape_does_not_wait_for_a_slow_answer() -> None:
    end = threading.Event()
    ask: Callable[[], bool] = lambda: end.wait(LONG)  # noqa: E731
    figures = Refreshed("test-figures", ask, LONG)
    assert figures.get() is None
    end.set()


def test_figures_come_back_after_a_time_without_threads() -> None:
    figures = Refreshed("test-figures", lambda: 7, LONG)
    before = threading.stack_size(1 << 47)  # for which no thread has room
    try:
        assert figures.get(LONG) is None
    finally:
        threading.stack_size(before)
    assert figures.get(LONG) == 7


@pytest.mark.needs("fork")
def test_a_forked_child_asks_for_itself(run_python: RunPython) -> None:
    output = run_python(
        """
from monitoring.exposition.refreshed import Refreshed
figures = Refreshed("figures", os.getpid, 0.01)
parent = figures.get(30)
if os.fork() == 0:
    while figures.get(30) != os.getpid():
        time.sleep(0.001)
    print(parent != os.getpid(), flush=True)
    os._exit(0)
os.wait()
"""
    )
    assert output.strip() == "True"
