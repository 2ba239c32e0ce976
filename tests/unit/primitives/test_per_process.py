"""An object for each process, the same one for all of its threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitoring.primitives.per_process import per_process
from tests.unit.conftest import RunPython


def test_the_same_object_for_the_same_arguments() -> None:
    @per_process
    def make(name: str, number: int) -> object:
        return object()

    assert make("a", 0) is make("a", 0)
    assert make("a", 1) is make("a", 1)
    assert make("a", 0) is not make("b", 0)
    assert make("a", 0) is not make("a", 1)


def test_none_is_remembered_too() -> None:
    calls = []
    made = per_process(lambda: calls.append(1))
    made()
    made()
    assert len(calls) == 1


def test_only_the_last_four_are_kept() -> None:
    calls: list[int] = []
    made = per_process(calls.append)
    for number in (1, 2, 3, 4, 5, 5, 4, 3, 2):
        made(number)
    assert calls == [1, 2, 3, 4, 5]
    made(1)
    assert calls == [1, 2, 3, 4, 5, 1]


def test_many_threads_that_come_at_once_get_one_object() -> None:
    count = 16
    together = threading.Barrier(count)

    @per_process
    def make() -> object:
        together.wait(30)  # all of them are making one
        return object()

    with ThreadPoolExecutor(count) as threads:
        made = list(threads.map(lambda _: make(), range(count)))
    assert len({id(each) for each in made}) == 1
    assert make() is made[0]


@pytest.mark.needs("fork")
def test_a_forked_child_and_its_child_have_their_own(run_python: RunPython) -> None:
    output = run_python(
        """
from monitoring.primitives.per_process import per_process
lock = per_process(threading.Lock)
lock().acquire()
if os.fork() == 0:
    print(lock().acquire(timeout=0), lock().acquire(timeout=0), flush=True)
    if os.fork() == 0:
        print(lock().acquire(timeout=0), flush=True)
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
print(lock().locked())
"""
    )
    assert output.split() == ["True", "False", "True", "True"]
