"""What the project's own code does to its processes: exceptions of signal handlers, and forks."""

import contextlib
import os
import signal
import time
from pathlib import Path

from tests.chaos.plan import Step
from tests.chaos.stack import Stack
from tests.chaos.tasks import ASK, ASKING, LIMITED, NOT_ALARMED, NOT_LIMITED
from tests.servers.exposition import series
from tests.servers.ports import wait_for

_TASKS = 4
_FORKS = 6


def interrupt_tasks(stack: Stack, step: Step) -> None:
    """Alarms and Celery's soft time limit arrive in the midst of queries and cache calls."""
    chance, tasks = step.chance(), stack.tasks

    def begun() -> int:
        return tasks.count(ASKING)

    def over() -> int:
        return tasks.count(LIMITED) + tasks.count(NOT_LIMITED)

    def counted() -> float:
        name = series("celery_tasks_started_total", task=ASK)
        return stack.exporter.scrape().get(name, 0.0)

    marks, figures = begun(), counted()
    assert over() == marks
    for _ in range(_TASKS):
        tasks.send(ASK, [chance.randrange(2**32)], soft_time_limit=chance.uniform(0.5, 2.0))
    wait_for("the end of the tasks", lambda: over() == marks + _TASKS, 60)
    assert tasks.count(NOT_ALARMED) == 0, "an alarm's exception was swallowed"
    assert tasks.count(NOT_LIMITED) == 0, "the soft time limit was swallowed"
    assert counted() - figures == begun() - marks


def fork_children(stack: Stack, step: Step) -> None:
    """Workers fork at any moment. Their children live on, and outlive a worker that is killed."""
    forked: list[tuple[int, int]] = []
    try:
        for _ in range(_FORKS):
            forked.append(stack.fork())
        stack.kill_workers([step.chance().choice(forked)[0]])
        time.sleep(step.hold)
        # A copy of a descriptor that is locked is the lock, which nobody else gets then.
        found = [name for _, child in forked for name in _locks(child, stack.directory)]
        assert found == [], f"children hold locks of the metrics directory: {found}"
        stack.ledger.wait_until_it_adds_up(10)
    finally:
        for _, child in forked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _locks(pid: int, directory: Path) -> list[str]:
    """The files there that the process holds by flock. Raises OSError if it has ended."""
    process = Path(f"/proc/{pid}")
    found = {
        path: (process / "fdinfo" / path.name).read_text() for path in (process / "fd").iterdir()
    }
    return [
        file.name
        for path, information in found.items()
        if "FLOCK" in information and (file := path.readlink()).is_relative_to(directory)
    ]
