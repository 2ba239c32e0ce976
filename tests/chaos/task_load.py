"""Tasks sent all the time, and how often they ran."""

import threading
from pathlib import Path

from celery import Celery

from tests.chaos.tasks import TICK

_AT_ONCE = 4


class TaskLoad:
    """Sends tasks to all children each `pause` seconds; a broker that is away costs those alone."""

    def __init__(self, broker: str, marks: Path, pause: float = 0.8) -> None:
        self._app = Celery("chaos", broker=broker)
        self._app.conf.broker_transport_options = {
            "socket_connect_timeout": 0.5,
            "socket_timeout": 1,
        }
        self._marks = marks
        self._pause = pause
        self._stop_asked = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.interrupted = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop_asked.set()
        self._thread.join(60)

    def ran(self) -> int:
        """Runs that came to the end of the task's function."""
        return self._marks.stat().st_size if self._marks.exists() else 0

    def _work(self) -> None:
        while not self._stop_asked.wait(self._pause):
            try:
                with self._app.connection_for_write() as connection:
                    for _ in range(_AT_ONCE):
                        self._app.send_task(TICK, connection=connection, retry=False)
            except Exception:  # kombu's, redis's and the system's own errors
                continue
