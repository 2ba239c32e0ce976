"""The reason of a worker's end, as gunicorn's reaper knows it."""

import os
import signal

import pytest

from monitoring import gunicorn_hooks
from monitoring.gunicorn_hooks import child_exit, exit_reason
from monitoring.metrics.master_families import EXITS

pytestmark = pytest.mark.needs("flock")


def count(reason: str) -> float:
    return EXITS.of(reason).get()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, "exit_0"),
        (3 << 8, "exit_3"),
        (signal.SIGKILL, "SIGKILL"),
        (signal.SIGSEGV | 0x80, "SIGSEGV"),  # with a core dump
        (None, "unknown"),
        ("0", "unknown"),
    ],
)
def test_a_wait_status_becomes_a_label_that_names_the_signal_or_the_code(
    status: object, reason: str
) -> None:
    assert exit_reason(status) == reason


def reap_workers(hook: object) -> None:
    """As gunicorn's arbiter has it: the status is a variable of the method that calls the hook."""
    _, status = os.waitpid(_killed_child(), 0)
    assert status
    assert callable(hook)
    hook(None, None)


def _killed_child() -> int:
    return os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "kill -KILL $$")


def users_hook(server: object, worker: object) -> None:
    status = "a variable of the user's own"
    assert status
    gunicorn_hooks.child_exit(server, worker)


@pytest.mark.parametrize("hook", [child_exit, users_hook])
def test_it_is_found_whether_gunicorn_calls_our_hook_or_the_users_does(hook: object) -> None:
    before = count("SIGKILL")
    reap_workers(hook)
    assert count("SIGKILL") == before + 1


def test_a_gunicorn_that_reaps_in_another_way_is_counted_as_unknown() -> None:
    before = count("unknown")
    child_exit(None, None)
    assert count("unknown") == before + 1
