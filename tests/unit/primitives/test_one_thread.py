"""Work that is repeated: one thread for each process, and another try when there was none."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitoring.primitives.deadline import NoThreadError
from monitoring.primitives.one_thread import Periodic
from tests.unit.conftest import RunPython

NAME = "monitoring-test-periodic"
LONG = 60.0  # seconds that nobody waits for here


def threads() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


def test_the_work_is_repeated(run_python: RunPython) -> None:
    output = run_python(
        """
from monitoring.primitives.one_thread import Periodic
calls = threading.Semaphore(0)
Periodic("work", calls.release, 0.001).ensure()
print(all(calls.acquire(timeout=30) for _ in range(3)))
"""
    )
    assert output.strip() == "True"


def test_many_threads_that_come_at_once_start_one_thread() -> None:
    count, before = 16, threads()
    periodic, gate = Periodic(NAME, lambda: None, LONG), threading.Barrier(count)

    def come(_: int) -> bool:
        gate.wait(LONG)
        return periodic.ensure()

    with ThreadPoolExecutor(count) as pool:
        assert sum(pool.map(come, range(count))) == 1
    assert threads() == before + 1


def test_the_first_work_may_be_done_by_the_caller() -> None:
    workers: list[threading.Thread] = []
    periodic = Periodic(NAME, lambda: workers.append(threading.current_thread()), LONG)
    assert periodic.ensure(first_here=True)
    assert workers[0] is threading.current_thread()
    assert not periodic.ensure(first_here=True)
    assert workers.count(threading.current_thread()) == 1


def test_a_process_that_got_no_thread_gets_one_later() -> None:
    done = threading.Event()
    periodic = Periodic(NAME, done.set, LONG)
    before = threading.stack_size(1 << 47)  # for which no thread has room
    try:
        with pytest.raises(NoThreadError):
            periodic.ensure()
    finally:
        threading.stack_size(before)
    assert periodic.ensure()
    assert done.wait(LONG)


@pytest.mark.needs("fork")
def test_a_forked_child_has_a_thread_of_its_own(run_python: RunPython) -> None:
    output = run_python(
        """
from monitoring.primitives.one_thread import Periodic
done = threading.Event()
periodic = Periodic("work", lambda: (print(os.getpid(), flush=True), done.set()), 60)
periodic.ensure()
done.wait(30)
if os.fork() == 0:
    done = threading.Event()
    periodic.ensure()
    done.wait(30)
    os._exit(0)
os.wait()
"""
    )
    first, second = output.split()
    assert first != second


def test_a_thread_that_ended_is_replaced(run_python: RunPython) -> None:
    output = run_python(
        """
from monitoring.primitives.one_thread import Periodic
calls = threading.Semaphore(0)
def work():
    calls.release()
    raise SystemExit  # which ends a thread in silence
periodic = Periodic("work", work, 60)
print(periodic.ensure(), calls.acquire(timeout=30))
while not periodic.ensure():
    time.sleep(0.001)
print(calls.acquire(timeout=30))
"""
    )
    assert output.split() == ["True"] * 3
