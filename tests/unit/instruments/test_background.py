"""A request leaves work behind and goes on; the work is done, or what is left out is counted."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from django.test import RequestFactory

from monitoring.instruments.background import Background, jobs
from monitoring.instruments.requests import slow_request_file, slow_requests
from monitoring.merging.merge import shared_merger
from monitoring.metrics.own_families import collector_errors_total
from monitoring.primitives.lock_files import locked
from monitoring.storage import own_counters
from monitoring.storage.directory import configured_directory
from tests.unit.conftest import RunPython

WAIT = 30.0
NAME = "monitoring-test-queue"

Dropped = Callable[[], dict[str, int]]


class Work:
    """Keeps what it was given; each batch waits to be let through."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.batches: list[Sequence[int]] = []

    def __call__(self, batch: Sequence[int]) -> None:
        self.batches.append(batch)
        self.begun.release()
        self.go_on.acquire(timeout=WAIT)
        if 0 in batch:
            raise ZeroDivisionError


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.go_on.release(1000)


def _dropped() -> Counter[str]:
    merged = shared_merger(configured_directory()).merge()
    return Counter(
        {
            dict(line.labels)["reason"]: int(merged.values[at])
            for at, line in enumerate(merged.layout.lines)
            if line.name == "monitoring_dropped_total"
        }
    )


@pytest.fixture
def dropped() -> Dropped:
    """What this process's counter has grown by, by reason."""
    collector_errors_total().labels("background").inc()  # with it, the counter has its place
    before = _dropped()
    return lambda: dict(_dropped() - before)


@contextmanager
def no_threads() -> Iterator[None]:
    """The system refuses every thread: none has room for such a stack."""
    before = threading.stack_size(1 << 47)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_a_full_queue_drops_and_counts(work: Work, dropped: Dropped) -> None:
    queue: Background[int] = Background(NAME, work, 3, batch_seconds=0)
    assert queue.put(1, own_counters.DROP_QUERY_LOG)
    assert work.begun.acquire(timeout=WAIT)  # taken, and being worked on
    assert all(queue.put(number, own_counters.DROP_QUERY_LOG) for number in (2, 3, 4))
    assert not queue.put(5, own_counters.DROP_MIGRATIONS)
    assert not queue.put(6, own_counters.DROP_SLOW_REQUESTS)
    assert dropped() == {own_counters.DROP_MIGRATIONS: 1, own_counters.DROP_SLOW_REQUESTS: 1}
    work.go_on.release(4)
    for _ in range(3):
        assert work.begun.acquire(timeout=WAIT)
    assert work.batches == [[1], [2], [3], [4]]


def test_what_comes_again_is_not_counted(work: Work, dropped: Dropped) -> None:
    queue: Background[int] = Background(NAME, work, 1, batch_seconds=0)
    queue.put(1, None)
    assert work.begun.acquire(timeout=WAIT)
    assert queue.put(2, None)
    assert not queue.put(3, None)
    assert dropped() == {}


def test_what_comes_together_is_worked_on_together(work: Work) -> None:
    queue: Background[int] = Background(NAME, work, 100, batch_seconds=0.2)
    for number in range(1, 51):
        assert queue.put(number, None)
    work.go_on.release(50)
    seen: list[int] = []
    while len(seen) < 50:
        assert work.begun.acquire(timeout=WAIT)
        seen = [number for batch in work.batches for number in batch]
    assert seen == list(range(1, 51))
    assert len(work.batches) < 50


def test_an_error_is_reported_and_the_thread_lives(work: Work, dropped: Dropped) -> None:
    queue: Background[int] = Background(NAME, work, 3, batch_seconds=0)
    work.go_on.release(2)
    queue.put(0, None)
    queue.put(1, None)
    for _ in range(2):
        assert work.begun.acquire(timeout=WAIT)
    assert work.batches == [[0], [1]]
    assert dropped() == {own_counters.DROP_INTERNAL_ERROR: 1}


def test_many_threads_start_one_thread_and_lose_nothing(work: Work) -> None:
    queue: Background[int] = Background(f"{NAME}-many", work, 10_000, batch_seconds=0.01)
    work.go_on.release(10_000)
    putting = [
        threading.Thread(target=lambda: [queue.put(1, None) for _ in range(100)]) for _ in range(16)
    ]
    for thread in putting:
        thread.start()
    for thread in putting:
        thread.join()
    assert sum(thread.name == f"{NAME}-many" for thread in threading.enumerate()) == 1
    while sum(len(batch) for batch in work.batches) < 1600:
        assert work.begun.acquire(timeout=WAIT)


def test_no_thread_to_be_had_now_is_tried_again(work: Work, dropped: Dropped) -> None:
    queue: Background[int] = Background(NAME, work, 3, batch_seconds=0)
    with no_threads():
        assert queue.put(1, None)
    assert dropped() == {own_counters.DROP_INTERNAL_ERROR: 1}
    work.go_on.release(2)
    assert queue.put(2, None)
    for _ in range(2):
        assert work.begun.acquire(timeout=WAIT)
    assert work.batches == [[1], [2]]


def test_a_queue_that_filled_up_while_there_were_no_threads_is_worked_on(
    work: Work, dropped: Dropped
) -> None:
    queue: Background[int] = Background(NAME, work, 2, batch_seconds=0)
    with no_threads():
        assert [queue.put(number, own_counters.DROP_QUERY_LOG) for number in (1, 2, 3)] == [
            True,
            True,
            False,
        ]
    work.go_on.release(3)
    assert not queue.put(4, own_counters.DROP_QUERY_LOG)  # full still, but this starts the thread
    for _ in range(2):
        assert work.begun.acquire(timeout=WAIT)
    assert work.batches == [[1], [2]]
    assert dropped()[own_counters.DROP_QUERY_LOG] == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_ends_its_thread_does_not_end_the_queue() -> None:
    done = threading.Event()

    def run(batch: Sequence[Callable[[], object]]) -> None:
        for job in batch:
            job()

    queue: Background[Callable[[], object]] = Background(NAME, run, 10, batch_seconds=0)
    before = set(threading.enumerate())
    queue.put(lambda: sys.exit(0), None)
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)
    queue.put(done.set, None)
    assert done.wait(WAIT)


def test_jobs_run_in_order_and_one_that_fails_stops_no_other() -> None:
    done = threading.Event()
    ran: list[int] = []
    jobs.put(lambda: ran.append(1), own_counters.DROP_QUERY_LOG)
    jobs.put(lambda: ran.append(1 // 0), own_counters.DROP_QUERY_LOG)
    jobs.put(lambda: ran.append(2), own_counters.DROP_QUERY_LOG)
    jobs.put(done.set, own_counters.DROP_QUERY_LOG)
    assert done.wait(WAIT)
    assert ran == [1, 2]


_JOBS = """
from monitoring.instruments.background import Background, jobs
from monitoring.instruments.requests import slow_requests
def say(text):
    os.write(1, f"{text}\\n".encode())
def names():
    return sorted(t.name for t in threading.enumerate() if t is not threading.main_thread())
"""


@pytest.mark.needs("fork")
def test_a_forked_child_starts_with_an_empty_queue_and_a_thread_of_its_own(
    run_python: RunPython,
) -> None:
    output = run_python(
        _JOBS
        + """
say(names())
stop, busy = threading.Event(), threading.Event()
jobs.put(lambda: (busy.set(), stop.wait(30)), None)
jobs.put(lambda: say(f"parent's {os.getpid() == parent}"), None)
parent = os.getpid()
busy.wait(30)
if os.fork() == 0:
    say(names())
    done = threading.Event()
    jobs.put(lambda: (say("child's"), done.set()), None)
    done.wait(30)
    os._exit(0)
os.wait()
stop.set()
"""
    )
    assert output.splitlines() == ["[]", "[]", "child's", "parent's True"]


def test_what_waits_when_the_process_ends_is_worked_on(run_python: RunPython) -> None:
    output = run_python(
        _JOBS
        + """
for number in range(5):
    jobs.put(lambda number=number: (time.sleep(0.01), say(number)), None)
"""
    )
    assert output.split() == ["0", "1", "2", "3", "4"]


def test_a_job_that_hangs_does_not_hold_up_the_process_s_end(run_python: RunPython) -> None:
    output = run_python(
        _JOBS
        + """
jobs.put(lambda: time.sleep(3600), None)
jobs.put(lambda: say("never"), None)
"""
    )
    assert output == ""


def test_a_batch_is_not_waited_for_at_the_end(run_python: RunPython) -> None:
    output = run_python(
        _JOBS
        + """
Background("batches", lambda batch: say(batch), 10, batch_seconds=3600).put(1, None)
"""
    )
    assert output == ""


def test_slow_requests_that_find_their_queue_full_are_counted(dropped: Dropped) -> None:
    request = RequestFactory().get("/slow/")
    # While another process holds the file, the thread has at most one batch in hand.
    with locked(configured_directory() / slow_request_file.FILE):
        for _ in range(2500):
            slow_requests.keep_details(request, "GET", "/slow/", 200, 1.0)
        counted = dropped()
    assert counted.keys() == {own_counters.DROP_SLOW_REQUESTS}
    assert 500 <= counted[own_counters.DROP_SLOW_REQUESTS] <= 1500
