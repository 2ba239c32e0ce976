"""Work in a thread: who waits goes on in time, and late threads do not pile up."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from monitoring.primitives.deadline import NoAnswerError, NoThreadError, Runs, StillRunningError

NAME = "monitoring-test-run"
LATE = 60.0  # seconds that nobody waits for here: something else ends each wait


def soon() -> float:
    return time.monotonic() + LATE


class Slow:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = threading.Event()
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        self.begun.set()
        self.end.wait(LATE)
        return self.calls


@pytest.fixture
def slow() -> Iterator[Slow]:
    work = Slow()
    yield work
    work.end.set()


@pytest.fixture
def runs() -> Runs[int]:
    return Runs()


def threads() -> int:
    return sum(thread.name == NAME for thread in threading.enumerate())


def test_the_answer_and_the_error_reach_who_waits(runs: Runs[int]) -> None:
    run = runs.start("a", lambda: 7, name=NAME)
    assert run.wait(soon())
    assert run.value() == 7
    failed = runs.start("a", lambda: int("x"), name=NAME, patience_until=soon())
    assert failed.wait(soon())
    with pytest.raises(ValueError, match="invalid literal"):
        failed.value()


def test_a_thread_that_wants_to_exit_is_an_error_like_others(runs: Runs[int]) -> None:
    def leave() -> int:
        raise SystemExit(3)

    run = runs.start("a", leave, name=NAME)
    assert run.wait(soon())
    assert isinstance(run.error, SystemExit)


def test_who_waits_goes_on_at_the_deadline_and_the_late_run_is_left_alone(
    runs: Runs[int], slow: Slow
) -> None:
    run = runs.start("a", slow, name=NAME)
    assert slow.begun.wait(LATE)
    assert not run.wait(time.monotonic() + 0.01)
    slow.end.set()
    assert run.wait(soon())
    assert run.value() == 1


def test_late_threads_do_not_pile_up(runs: Runs[int], slow: Slow) -> None:
    runs.start("a", slow, name=NAME)
    before = threads()
    for _ in range(50):
        with pytest.raises(StillRunningError):
            runs.start("a", slow, name=NAME)
    assert threads() == before
    other = runs.start("b", lambda: 2, name=NAME)
    assert other.wait(soon())


def test_the_patient_run_once_the_earlier_one_has_ended(runs: Runs[int], slow: Slow) -> None:
    runs.start("a", slow, name=NAME)
    found = []

    def ask() -> None:
        run = runs.start("a", lambda: 8, name=NAME, patience_until=soon())
        run.wait(soon())
        found.append(run.value())

    asking = [threading.Thread(target=ask) for _ in range(5)]
    for thread in asking:
        thread.start()
    slow.end.set()
    for thread in asking:
        thread.join(LATE)
    assert found == [8] * 5


def test_who_joins_shares_a_run(runs: Runs[int], slow: Slow) -> None:
    joined = [runs.join("a", slow, name=NAME) for _ in range(10)]
    slow.end.set()
    assert all(run.wait(soon()) for run in joined)
    assert [run.value() for run in joined] == [1] * 10
    assert slow.calls == 1


def test_a_run_that_has_answered_is_joined_by_nobody(runs: Runs[int], slow: Slow) -> None:
    """What it does afterwards may hang; its answer would be told for ever."""
    first = runs.join("a", lambda: 1, name=NAME, afterwards=slow)
    assert first.wait(soon())
    second = runs.join("a", lambda: 2, name=NAME)
    assert second.wait(soon())
    assert second.value() == 2


def test_what_comes_afterwards_keeps_the_key_and_nobody_waiting(
    runs: Runs[int], slow: Slow
) -> None:
    run = runs.start("a", lambda: 1, name=NAME, afterwards=slow)
    assert run.wait(soon())
    assert slow.begun.wait(LATE)
    with pytest.raises(StillRunningError):
        runs.start("a", lambda: 2, name=NAME)
    slow.end.set()
    assert runs.start("a", lambda: 2, name=NAME, patience_until=soon()).wait(soon())


def test_afterwards_is_called_when_the_work_fails(runs: Runs[int]) -> None:
    called = threading.Event()
    run = runs.start("a", lambda: int("x"), name=NAME, afterwards=called.set)
    assert run.wait(soon())
    assert called.wait(LATE)


def test_a_process_that_gets_no_thread_says_so_and_frees_the_key(
    runs: Runs[int],
) -> None:
    before = threading.stack_size(1 << 47)  # for which no thread has room
    try:
        for begin in (runs.start, runs.join):
            with pytest.raises(NoThreadError):
                begin("a", lambda: 1, name=NAME)
    finally:
        threading.stack_size(before)
    assert runs.start("a", lambda: 1, name=NAME).wait(soon())


def test_who_asks_gets_the_result_or_one_error_that_says_why(runs: Runs[int], slow: Slow) -> None:
    assert runs.ask("a", lambda: 7, LATE, name=NAME) == 7
    with pytest.raises(NoAnswerError, match=r"^ValueError$") as caught:
        runs.ask("a", lambda: int("x"), LATE, name=NAME)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(NoAnswerError, match=r"^no answer within 0\.01 s$"):
        runs.ask("a", slow, 0.01, name=NAME)
    with pytest.raises(NoAnswerError, match=r"^an earlier question has no answer yet$"):
        runs.ask("a", lambda: 8, 0.01, name=NAME)
    slow.end.set()
    assert runs.ask("a", lambda: 8, LATE, name=NAME) == 8


def test_who_asks_without_a_thread_is_told_so(runs: Runs[int]) -> None:
    before = threading.stack_size(1 << 47)  # for which no thread has room
    try:
        with pytest.raises(NoAnswerError, match=r"^no thread can be started$"):
            runs.ask("a", lambda: 1, LATE, name=NAME)
    finally:
        threading.stack_size(before)


def test_a_shared_question_joins_the_run_that_has_no_result_yet(
    runs: Runs[int], slow: Slow
) -> None:
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(runs.ask, "a", slow, LATE, name=NAME, shared=True)
        assert slow.begun.wait(LATE)
        others = [
            pool.submit(runs.ask, "a", lambda: 7, LATE, name=NAME, shared=True) for _ in range(3)
        ]
        with pytest.raises(NoAnswerError, match="no answer within"):
            runs.ask("a", lambda: 8, 0.01, name=NAME, shared=True)
        slow.end.set()
        assert first.result(LATE) == 1
        assert {other.result(LATE) for other in others} <= {1, 7}  # 7: came after the result
    assert slow.calls == 1
