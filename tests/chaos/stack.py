"""The site and all that it stands on, each part of which can be disturbed."""

import contextlib
import http.client
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.clock import SteppedClock, stepped_clock
from tests.chaos.ledger import Ledger
from tests.chaos.task_load import CHILDREN, TaskLoad
from tests.chaos.tasks import MARKS
from tests.chaos.urls import FORK
from tests.load.client import MIX, SERVED_BY, Load
from tests.servers.admin import User, ask, make_users
from tests.servers.celery import CeleryWorker, run_celery
from tests.servers.exporter import Exporter, start_exporter
from tests.servers.gunicorn import Gunicorn, children, environment, run_gunicorn
from tests.servers.ports import free_port, wait_for
from tests.servers.postgresql import PostgreSQL, run_postgresql
from tests.servers.redis import RedisServer, run_redis
from tests.servers.small_disk import small_disk

WORKERS = 4
HEALTH = "/api/health/"
_MOST_REQUESTS = 10_000_000
_ENTRY = re.compile(r"^(?=\[?\d{4}-\d\d-\d\d )", re.MULTILINE)  # of gunicorn's log


@dataclass
class Stack:
    """A running site under load. `master` is gunicorn's pid, which an upgrade changes."""

    web: Gunicorn
    master: int
    celery: CeleryWorker
    redis: RedisServer
    postgresql: PostgreSQL
    exporter: Exporter
    directory: Path
    clock: SteppedClock
    load: Load
    tasks: TaskLoad
    ledger: Ledger
    admin: User
    prometheus_port: int  # where none listens, unless a disturbance does
    environment: dict[str, str]
    cuts: list[list[float]] = field(default_factory=list)
    gaps: list[list[float]] = field(default_factory=list)
    troubles: list[list[float]] = field(default_factory=list)
    deletions: list[list[float]] = field(default_factory=list)

    def workers(self) -> list[int]:
        return children(self.master)

    def kill_workers(self, workers: list[int]) -> None:
        with self.connections_are_cut():
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            wait_for("their successors", lambda: not set(workers) & set(self.workers()), 60)
            self.wait_for_workers()

    def tell_threads(self) -> None:
        """In gunicorn's log: where each thread of each worker is."""
        for worker in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGRTMIN)

    def server_errors(self) -> Iterator[str]:
        """What gunicorn's log has of each request that failed, but of those that are to fail."""
        entries = _ENTRY.split(self.web.log.read_text(errors="replace"))
        for entry in entries:
            if "Internal Server Error: /" in entry and "DemoError" not in entry:
                yield entry

    def wait_for_workers(self, count: int = WORKERS) -> None:
        wait_for(f"{count} workers", lambda: len(self.workers()) == count, 60)

    @contextlib.contextmanager
    def connections_are_cut(self) -> Iterator[None]:
        """Requests that get no answer now are those of processes that we end."""
        with _span(self.cuts):
            yield

    @contextlib.contextmanager
    def exporter_is_away(self) -> Iterator[None]:
        with _span(self.gaps):
            yield

    @contextlib.contextmanager
    def counts_are_deleted(self) -> Iterator[None]:
        """Until what live processes had counted is back."""
        with _span(self.deletions):
            yield

    @contextlib.contextmanager
    def dependencies_are_away(self) -> Iterator[None]:
        with _span(self.troubles):
            yield

    def start_exporter(self) -> None:
        """On the port that it had."""
        self.exporter.process = start_exporter(
            self.exporter.log.parent,
            *("--bind", self.exporter.address),
            directory=self.directory,
            env=self.environment,
        )
        wait_for("the exporter", lambda: self.exporter.get().status == 200, 60)

    def health(self) -> dict[str, str]:
        """The status of each check, and `status` of all."""
        connection = http.client.HTTPConnection(self.web.address, timeout=30)
        try:
            connection.request("GET", HEALTH, headers={"Connection": "close"})
            body: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        checks = {name: found["status"] for name, found in body["checks"].items()}
        return {**checks, "status": body["status"]}

    def reason_for_local_figures(self, seconds: float) -> str | None:
        """Why an admin does not get those of Prometheus; the answer comes within `seconds`."""
        reason: str | None = ask(self.web, self.admin, seconds=seconds)["fallback_reason"]
        return reason

    def fork(self) -> tuple[int, int]:
        """A worker's pid, and that of the child that it forked."""
        connection = http.client.HTTPConnection(self.web.address, timeout=30)
        try:
            connection.request("GET", FORK, headers={"Connection": "close"})
            response = connection.getresponse()
            return int(response.headers[SERVED_BY]), int(response.read())
        finally:
            connection.close()

    def wait_for_health(self, **statuses: str) -> None:
        """In the time that results are shared and a check may take, and the machine's slack; with
        Celery, whose new workers are looked for once a minute, in more than that."""

        def told() -> bool:
            self.celery.start_again_if_ended()
            try:
                return statuses.items() <= self.health().items()
            except (http.client.HTTPException, ValueError):
                return False

        wait_for(f"health to say {statuses}", told, 100 if "celery" in statuses else 30)


def overlaps(started: float, ended: float, spans: list[list[float]], after: float = 1.0) -> bool:
    """Whether this was under way in one of the spans, or up to `after` seconds behind it."""
    return any(begin <= ended and started <= end + after for begin, end in spans)


@contextlib.contextmanager
def _span(spans: list[list[float]]) -> Iterator[None]:
    span = [time.monotonic(), float("inf")]
    spans.append(span)
    try:
        yield
    finally:
        span[1] = time.monotonic()


@contextlib.contextmanager
def run_stack(work: Path, seed: int) -> Iterator[Stack]:
    """Everything started, healthy, and under load."""
    with (
        small_disk(work / "memory", "24m") as memory,
        run_postgresql() as postgresql,
        run_redis(work / "redis") as redis,
        stepped_clock(work) as clock,
    ):
        directory, marks = memory / "metrics", work / "marks"
        prometheus_port = free_port()
        extra = {
            "DATABASE_URL": postgresql.url,
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "PROMETHEUS_URL": f"http://127.0.0.1:{prometheus_port}",
            "REDIS_URL": redis.url,
        }
        given = environment(directory, work, **extra)
        admin = make_users(work / "users", DATABASE_URL=postgresql.url)["admin"]
        with (
            run_gunicorn(
                work / "web",
                *("-k", "gthread", "--threads", "8", "--graceful-timeout", "10"),
                directory=directory,
                workers=WORKERS,
                **extra,
                **clock.environment,
            ) as web,
            run_celery(
                work / "celery",
                {**given, MARKS: str(marks)},
                *("-c", str(CHILDREN)),
                app="tests.chaos.tasks",
            ) as celery,
        ):
            exporter = Exporter(web.master, free_port(), work / "exporter" / "exporter.log")
            load = Load(web.address, MIX, threads=4, seed=seed, pause=0.06)
            tasks = TaskLoad(redis.url, marks, celery)
            stack = Stack(
                *(web, web.master.pid, celery, redis, postgresql, exporter, directory, clock),
                *(load, tasks, Ledger(load, tasks, exporter, directory)),
                *(admin, prometheus_port, {**extra, **clock.environment}),
            )
            stack.start_exporter()
            try:
                load.start(_MOST_REQUESTS)
                tasks.start()
                stack.wait_for_health(status="healthy", celery="healthy")
                yield stack
            finally:
                load.finish(early=True)
                tasks.stop()
                exporter.process.kill()
                exporter.process.wait(20)
