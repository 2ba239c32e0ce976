"""What is done to the site, by kind. Each ends when the site has what it needs again."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.directory_disturbances import (
    damage_files,
    delete_directory,
    delete_files,
    delete_files_on_full_disk,
    fill_directory,
    read_only_directory,
    truncate_file,
)
from tests.chaos.plan import Step
from tests.chaos.project_disturbances import fork_children, interrupt_tasks
from tests.chaos.stack import WORKERS, Stack
from tests.servers.drips import dripping
from tests.servers.gunicorn import children, is_dead
from tests.servers.ports import wait_for

# What drips goes on for twenty minutes and more: an answer by then was given by a deadline. It is
# long because a worker that an admin asks for the first time loads much, on a busy machine.
_DRIPS_SECONDS = 60


def kill_worker(stack: Stack, step: Step) -> None:
    stack.kill_workers([step.chance().choice(stack.workers())])


def kill_all_workers(stack: Stack, step: Step) -> None:
    stack.kill_workers(stack.workers())


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
    stack.tasks.child_is_killed()
    os.kill(killed, signal.SIGKILL)
    wait_for(
        "another child",
        lambda: killed not in (now := stack.celery.children()) and len(now) == len(before),
        60,
    )


def kill_celery(stack: Stack, step: Step) -> None:
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


def drip_redis(stack: Stack, step: Step) -> None:
    """Redis answers with a byte now and then, and never to an end."""
    with stack.dependencies_are_away():
        stack.redis.stop()
        with dripping(b"+", stack.redis.port):
            stack.wait_for_health(redis="unhealthy", database="healthy")
            started = time.monotonic()
            stack.web.scrape()
            assert time.monotonic() - started < _DRIPS_SECONDS
            time.sleep(step.hold)
        stack.redis.start()
        stack.wait_for_health(redis="healthy")


def drip_prometheus(stack: Stack, step: Step) -> None:
    """Several admins ask for figures of a Prometheus whose answers have no end."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    start = step.chance().choice((b"HTTP/1.1 200 OK\r\nX-Long: ", head, head + b'{"status":'))
    with dripping(start, stack.prometheus_port), ThreadPoolExecutor(4) as admins:
        ask = stack.reason_for_local_figures
        reasons = [admins.submit(ask, _DRIPS_SECONDS) for _ in range(4)]
        assert all(reason.result() for reason in reasons)


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
        interrupt_tasks,
        fork_children,
        drip_redis,
        drip_prometheus,
        truncate_file,
        delete_files_on_full_disk,
    )
}


def _new_master(old: int, workers: set[int]) -> int | None:
    for child in children(old):
        if child not in workers and len(children(child)) == WORKERS:
            return child
    return None
