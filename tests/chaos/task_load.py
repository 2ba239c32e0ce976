"""Tasks sent all the time, and how often they ran."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from celery import Celery
from redis import Redis
from redis.exceptions import RedisError

from tests.chaos.tasks import BEGUN, ENDED, TICK
from tests.servers.celery import CeleryWorker

CHILDREN = 2  # of the Celery worker, each with a task at most
_AT_ONCE = 4
_QUEUE = "celery"
_QUIET_SECONDS = 1.0


class TaskLoad:
    """Sends tasks to all children each `pause` seconds; a broker that is away costs those alone."""

    def __init__(self, broker: str, marks: Path, worker: CeleryWorker, pause: float = 0.8) -> None:
        self._app = Celery("chaos", broker=broker)
        self._app.conf.broker_transport_options = {
            "socket_connect_timeout": 0.5,
            "socket_timeout": 1,
        }
        self._redis = Redis.from_url(broker, socket_connect_timeout=0.5, socket_timeout=1)
        self._marks = marks
        self._worker = worker
        self._pause = pause
        self._stop_asked = threading.Event()
        self._sending = threading.Lock()  # held while tasks are sent, and at rest
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._killed = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop_asked.set()
        self._thread.join(60)
        self._redis.close()

    def begun(self) -> int:
        """Runs that came to the start of the task's function."""
        return self.count(BEGUN)

    def ended(self) -> int:
        """Runs that came to its end."""
        return self.count(ENDED)

    def child_is_killed(self) -> None:
        self._killed += 1

    def interrupted(self) -> int:
        """Tasks at most that were ended with their process, after they were counted."""
        return self._killed + CHILDREN * (self._worker.starts - 1)

    @contextlib.contextmanager
    def at_rest(self, seconds: float = 15.0) -> Iterator[None]:
        """None is sent; for a second none has begun or left the queue, or `seconds` are over.

        A broker that just came back may hold tasks for longer: they begin when they will.
        """
        with self._sending:
            deadline = time.monotonic() + seconds
            quiet_since, last = time.monotonic(), self._state()
            while time.monotonic() < min(deadline, quiet_since + _QUIET_SECONDS):
                time.sleep(0.1)
                if (now := self._state()) != last:
                    quiet_since, last = time.monotonic(), now
            yield

    def _state(self) -> tuple[int, int]:
        """Marks, and tasks in the queue; -1 if the broker does not say."""
        try:
            queued = int(self._redis.llen(_QUEUE))
        except RedisError:
            queued = -1
        return self.count(BEGUN) + self.count(ENDED), queued

    def count(self, mark: bytes) -> int:
        return self._marks.read_bytes().count(mark) if self._marks.exists() else 0

    def send(self, task: str, arguments: list[int], **options: float) -> None:
        with self._app.connection_for_write() as connection:
            self._app.send_task(task, arguments, connection=connection, **options)

    def _work(self) -> None:
        while not self._stop_asked.wait(self._pause):
            with self._sending:
                self._send()

    def _send(self) -> None:
        # What kombu, redis and the system raise.
        with contextlib.suppress(Exception), self._app.connection_for_write() as connection:
            for _ in range(_AT_ONCE):
                self._app.send_task(TICK, connection=connection, retry=False)
