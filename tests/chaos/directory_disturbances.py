"""What is done to the metrics directory and its file system."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.damage import damage
from tests.chaos.plan import Step
from tests.chaos.slot_counts import counts_in, dead_slots, owners
from tests.chaos.stack import Stack
from tests.servers.gunicorn import is_dead
from tests.servers.ports import wait_for
from tests.servers.small_disk import fill


def fill_directory(stack: Stack, step: Step) -> None:
    """Series that have their place go on; others are dropped, and that is counted."""
    with _writes_may_be_dropped(stack):
        filler = fill(stack.directory.parent)
        _perhaps_kill_worker(stack, step)
        time.sleep(step.hold)
        filler.unlink()


def read_only_directory(stack: Stack, step: Step) -> None:
    """A read-only mount over it: what is open stays writable, nothing else can be opened."""
    path, beside = str(stack.directory), str(stack.directory.with_name("read-only"))
    with _writes_may_be_dropped(stack):
        Path(beside).mkdir()
        # Made read-only where nobody opens files, then put over the directory with that flag.
        subprocess.run(["mount", "--bind", path, beside], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", beside], check=True)
        subprocess.run(["mount", "--bind", beside, path], check=True)
        assert os.statvfs(path).f_flag & os.ST_RDONLY
        _perhaps_kill_worker(stack, step)
        time.sleep(step.hold)
        for mount in (path, beside):
            subprocess.run(["umount", "-l", mount], check=True)
        Path(beside).rmdir()


def delete_files(stack: Stack, step: Step) -> None:
    with _counts_come_back(stack), dead_slots(stack.directory) as lost:
        _delete_metric_files(stack)
        stack.ledger.lost += lost


def delete_directory(stack: Stack, step: Step) -> None:
    with _counts_come_back(stack), dead_slots(stack.directory) as lost:
        stack.ledger.lost += lost
        wait_for("no directory", lambda: _is_deleted(stack))
        if step.number % 2:
            stack.directory.mkdir(mode=0o700, exist_ok=True)


def damage_files(stack: Stack, step: Step) -> None:
    damage(stack.directory, step.chance())
    time.sleep(step.hold)


def truncate_file(stack: Stack, step: Step) -> None:
    """A file is cut short in use: what it counted may go, but no process and no request.

    Its process has nothing to do for a second; one that writes in the same second may be ended, as
    docs/security.md says.
    """
    chance = step.chance()
    file = chance.choice(sorted(stack.directory.glob("*.db")))
    before = _processes(stack)
    with stack.counts_are_deleted():
        # What it counted meanwhile may go as well; what comes back in time has not gone.
        with stack.ledger.at_rest():
            counted = counts_in(file) if file.name.startswith("counter_") else Counter()
            answered = stack.ledger.answered()
            with _stopped(_owner(file)):
                time.sleep(1.2)
                os.truncate(file, chance.choice((0, 1, 4096, file.stat().st_size // 2)))
        time.sleep(1.5 + step.hold)
        gone = stack.ledger.missing()
        may_go = counted + (stack.ledger.answered() - answered)
        assert gone <= may_go, f"more has gone than {file.name} had: {gone - may_go}"
        stack.ledger.lost += gone
        stack.ledger.wait_until_it_adds_up(10)
    assert _processes(stack) == before, f"a process has died of {file.name}"


def delete_files_on_full_disk(stack: Stack, step: Step) -> None:
    """Counts of live processes stay in memory until there is a place for them."""
    with stack.counts_are_deleted(), _writes_may_be_dropped(stack, settle=20):
        filler = fill(stack.directory.parent)
        with dead_slots(stack.directory) as lost:
            _delete_metric_files(stack)
            stack.ledger.lost += lost
        fill(stack.directory.parent)  # what files of dead slots had taken
        time.sleep(step.hold)
        filler.unlink()


def _processes(stack: Stack) -> list[int]:
    return sorted([*stack.workers(), stack.exporter.process.pid, *stack.celery.children()])


def _owner(file: Path) -> int | None:
    """The pid of the live process whose file it is."""
    slot = file.stem.rpartition("_")[2]
    pids = [pid for pid, name in owners(file.parent).items() if name == slot]
    return next((pid for pid in pids if not is_dead(pid)), None)


@contextlib.contextmanager
def _stopped(pid: int | None) -> Iterator[None]:
    if pid is None:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _delete_metric_files(stack: Stack) -> None:
    for file in stack.directory.glob("*.db"):
        file.unlink(missing_ok=True)


def _perhaps_kill_worker(stack: Stack, step: Step) -> None:
    if step.number % 2:
        stack.kill_workers([step.chance().choice(stack.workers())])


@contextlib.contextmanager
def _writes_may_be_dropped(stack: Stack, settle: float = 0.0) -> Iterator[None]:
    """What is missing afterwards must be said to be dropped, and be of this time.

    What comes back within `settle` seconds is not missing.
    """
    with stack.ledger.at_rest():
        before, dropped = stack.ledger.answered(), _dropped(stack)
    yield
    time.sleep(1.5)  # the file system is asked again once a second
    deadline = time.monotonic() + settle
    while (missing := stack.ledger.missing()) and time.monotonic() < deadline:
        time.sleep(0.5)
    during = stack.ledger.answered() - before
    assert missing <= during, f"more is missing than was answered: {missing - during}"
    if missing:
        wait_for(f"{missing} to be counted as dropped", lambda: _dropped(stack) > dropped)
        stack.ledger.dropped += missing


def _dropped(stack: Stack) -> float:
    samples = stack.exporter.scrape()
    return sum(value for (name, _), value in samples.items() if name == "monitoring_dropped_total")


@contextlib.contextmanager
def _counts_come_back(stack: Stack) -> Iterator[None]:
    """Those of live processes, at least."""
    with stack.counts_are_deleted():
        yield
        stack.ledger.wait_until_it_adds_up(30)


def _is_deleted(stack: Stack) -> bool:
    """A file may be made anew while others are deleted."""
    with contextlib.suppress(OSError):
        shutil.rmtree(stack.directory)
        return True
    return not stack.directory.exists()
