"""Queries are counted in the block or request that they run in, whatever was left open before."""

import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest
from django.db import connection
from django.http import HttpRequest

from monitoring.instruments.databases.trackers import (
    RequestTracker,
    begin_request,
    current,
    end_request,
)
from monitoring.metrics.request_families import CACHE, DB
from monitoring.tracking import track_queries

pytestmark = pytest.mark.django_db


def test_a_request_that_never_ended_is_left_behind_by_the_next() -> None:
    with track_queries("around") as around:
        for _ in range(3):
            begin_request(HttpRequest(), 10)
        last = begin_request(HttpRequest(), 10)
        assert last.parent is around
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        end_request(last)
        assert current.get() is around
    assert (last.count, around.count) == (1, 1)


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_of_one_request_lose_no_query(eager_threads: None) -> None:
    times, tracker = 5000, RequestTracker(None, HttpRequest(), 10)

    def ask() -> None:
        for number in range(times):
            tracker.add("default", "sqlite", f"SELECT {number % 7}", 0.5)
            tracker.spend(CACHE, 0.25)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tracker.count == sum(tracker.statements.values()) == 4 * times
    assert tracker.spent_so_far()[0] == {DB: 2 * times, CACHE: times}


@pytest.mark.needs("signals")
def test_a_signal_handler_that_asks_a_database_waits_for_no_lock() -> None:
    """It may interrupt the tracker itself, in its own thread."""
    tracker, asked = RequestTracker(None, HttpRequest(), 10), 0

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        tracker.add("default", "sqlite", "SELECT 1", 0.5)
        tracker.spend(CACHE, 0.25)

    earlier = signal.signal(signal.SIGALRM, handler)
    own = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        while asked < 500:
            tracker.add("default", "sqlite", "SELECT 1", 0.5)
            own += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
    assert tracker.count == sum(tracker.statements.values()) == own + asked
    assert tracker.spent_so_far()[0] == {DB: 0.5 * (own + asked), CACHE: 0.25 * asked}
