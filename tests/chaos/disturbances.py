"""What is done to the site, by kind. Each ends when the site has what it needs again."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.chaos.damage import damage
from tests.chaos.ledger import CHILDREN, counts_of_dead_slots
from tests.chaos.plan import Step
from tests.chaos.stack import WORKERS, Stack
from tests.servers.gunicorn import children, is_dead
from tests.servers.ports import wait_for
from tests.servers.small_disk import fill


def kill_worker(stack: Stack, step: Step) -> None:
    _kill(stack, [step.chance().choice(stack.workers())])


def kill_all_workers(stack: Stack, step: Step) -> None:
    _kill(stack, stack.workers())


def stop_worker(stack: Stack, step: Step) -> None:
    """Its connections wait; the others go on."""
    worker = step.chance().choice(stack.workers())
    os.kill(worker, signal.SIGSTOP)
    time.sleep(step.hold)
    os.kill(worker, signal.SIGCONT)


def reload(stack: Stack, step: Step) -> None:
    before = set(stack.workers())
    with stack.connections_are_cut():
        os.kill(stack.master, signal.SIGHUP)
        wait_for("new workers", lambda: len(set(stack.workers()) - before) == WORKERS, 60)
        wait_for("old workers gone", lambda: not before & set(stack.workers()), 60)


def upgrade(stack: Stack, step: Step) -> None:
    old, workers = stack.master, set(stack.workers())
    with stack.connections_are_cut():
        os.kill(old, signal.SIGUSR2)
        stack.master = wait_for("a new master", lambda: _new_master(old, workers), 60)
        time.sleep(step.hold)
        os.kill(old, signal.SIGTERM)
        wait_for("the old master's end", lambda: is_dead(old), 60)


def more_and_fewer_workers(stack: Stack, step: Step) -> None:
    with stack.connections_are_cut():
        for number, count in ((signal.SIGTTIN, 5), (signal.SIGTTIN, 6)):
            os.kill(stack.master, number)
            stack.wait_for_workers(count)
        for count in (5, 4):
            os.kill(stack.master, signal.SIGTTOU)
            stack.wait_for_workers(count)


def kill_exporter(stack: Stack, step: Step) -> None:
    with stack.exporter_is_away():
        stack.exporter.process.kill()
        stack.exporter.process.wait(20)
        time.sleep(step.hold)
        stack.start_exporter()


def kill_celery_child(stack: Stack, step: Step) -> None:
    before = stack.celery.children()
    killed = step.chance().choice(before)
    stack.tasks.interrupted += 1
    os.kill(killed, signal.SIGKILL)
    wait_for(
        "another child",
        lambda: killed not in (now := stack.celery.children()) and len(now) == len(before),
        60,
    )


def kill_celery(stack: Stack, step: Step) -> None:
    stack.tasks.interrupted += CHILDREN
    stack.celery.kill()
    stack.wait_for_health(celery="unhealthy")
    stack.celery.start()


def kill_redis(stack: Stack, step: Step) -> None:
    with stack.dependencies_are_away():
        stack.redis.stop()
        stack.wait_for_health(redis="unhealthy", database="healthy")
        time.sleep(step.hold)
        stack.redis.start()
        stack.wait_for_health(redis="healthy")


def stop_redis(stack: Stack, step: Step) -> None:
    with stack.dependencies_are_away():
        stack.redis.signal(signal.SIGSTOP)
        stack.wait_for_health(redis="unhealthy", database="healthy")
        time.sleep(step.hold)
        stack.redis.signal(signal.SIGCONT)
        stack.wait_for_health(redis="healthy")


def kill_postgresql(stack: Stack, step: Step) -> None:
    with stack.dependencies_are_away():
        stack.postgresql.kill()
        stack.wait_for_health(database="unhealthy", redis="healthy")
        time.sleep(step.hold)
        stack.postgresql.start()
        stack.wait_for_health(database="healthy")


def stop_postgresql(stack: Stack, step: Step) -> None:
    with stack.dependencies_are_away():
        stack.postgresql.send(signal.SIGSTOP)
        stack.wait_for_health(database="unhealthy", redis="healthy")
        time.sleep(step.hold)
        stack.postgresql.send(signal.SIGCONT)
        stack.wait_for_health(database="healthy")


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
    with _counts_come_back(stack):
        for file in stack.directory.glob("*.db"):
            file.unlink(missing_ok=True)


def delete_directory(stack: Stack, step: Step) -> None:
    with _counts_come_back(stack):
        wait_for("no directory", lambda: _is_deleted(stack))
        if step.number % 2:
            stack.directory.mkdir(mode=0o700, exist_ok=True)


def damage_files(stack: Stack, step: Step) -> None:
    damage(stack.directory, step.chance())
    time.sleep(step.hold)


def step_clock(stack: Stack, step: Step) -> None:
    """The site's and the exporter's clock, there and back."""
    chance = step.chance()
    stack.clock.step(chance.choice((-1, 1)) * chance.choice((5, 90, 3700, 90_000)))
    time.sleep(1 + step.hold)
    stack.clock.step(0)
    time.sleep(1.5)


DISTURBANCES: Mapping[str, Callable[[Stack, Step], None]] = {
    function.__name__: function
    for function in (
        kill_worker,
        kill_all_workers,
        stop_worker,
        reload,
        upgrade,
        more_and_fewer_workers,
        kill_exporter,
        kill_celery_child,
        kill_celery,
        kill_redis,
        stop_redis,
        kill_postgresql,
        stop_postgresql,
        fill_directory,
        read_only_directory,
        delete_files,
        delete_directory,
        damage_files,
        step_clock,
    )
}


def _kill(stack: Stack, workers: list[int]) -> None:
    with stack.connections_are_cut():
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        wait_for("their successors", lambda: not set(workers) & set(stack.workers()), 60)
        stack.wait_for_workers()


def _perhaps_kill_worker(stack: Stack, step: Step) -> None:
    if step.number % 2:
        kill_worker(stack, step)


def _new_master(old: int, workers: set[int]) -> int | None:
    for child in children(old):
        if child not in workers and len(children(child)) == WORKERS:
            return child
    return None


@contextlib.contextmanager
def _writes_may_be_dropped(stack: Stack) -> Iterator[None]:
    """What is missing afterwards must be said to be dropped, and be of this time."""
    before = stack.ledger.answered()
    dropped = _dropped(stack)
    yield
    time.sleep(1.5)  # the file system is asked again once a second
    during = stack.ledger.answered() - before
    missing = stack.ledger.missing() - stack.ledger.dropped
    assert missing <= during, f"more is missing than was answered: {missing - during}"
    if missing:
        wait_for(f"{missing} to be counted as dropped", lambda: _dropped(stack) > dropped)
        stack.ledger.dropped += missing


def _dropped(stack: Stack) -> float:
    samples = stack.exporter.scrape()
    return sum(value for (name, _), value in samples.items() if name == "monitoring_dropped_total")


@contextlib.contextmanager
def _counts_come_back(stack: Stack) -> Iterator[None]:
    """Those of live processes; what dead ones had counted is gone with their files."""
    with stack.counts_are_deleted():
        stack.ledger.lost += counts_of_dead_slots(stack.directory)
        yield
        stack.ledger.wait_until_it_adds_up(30)


def _is_deleted(stack: Stack) -> bool:
    """A file may be made anew while others are deleted."""
    with contextlib.suppress(OSError):
        shutil.rmtree(stack.directory)
        return True
    return not stack.directory.exists()
