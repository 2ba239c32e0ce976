"""A real Celery worker that can be stopped, killed and started again."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT
from tests.servers.gunicorn import children
from tests.servers.ports import wait_for


@dataclass
class CeleryWorker:
    """`process` is None while it is stopped; `options` are those of `celery worker`.

    `starts` is how often it was started, by whomever.
    """

    work: Path
    environment: dict[str, str]
    app: str
    options: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0

    def start(self) -> None:
        """Start it, and again if it ends before it is ready, as its supervisor would."""
        log = self.work / "celery.log"
        seen = log.read_text().count(" ready.") if log.exists() else 0

        def ready() -> bool:
            if log.read_text().count(" ready.") > seen:
                return True
            self.start_again_if_ended()
            return False

        self._run()
        wait_for("the Celery worker", ready, 60)

    def start_again_if_ended(self) -> None:
        """As its supervisor would: kombu 5.7's consumer can end with an AttributeError
        (`'NoneType' object has no attribute 'connection_errors'`) when its broker goes away.
        """
        if self.process is not None and self.process.poll() is not None:
            self.kill()  # what is left of its children
            self._run()

    def _run(self) -> None:
        self.starts += 1
        program = str(Path(sys.executable).with_name("celery"))
        with (self.work / "celery.log").open("ab") as output:
            self.process = subprocess.Popen(
                [program, "-A", self.app, "worker", "-l", "INFO", *self.options],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def children(self) -> list[int]:
        assert self.process is not None
        return children(self.process.pid)

    def signal(self, number: signal.Signals) -> None:
        """To the worker and its children."""
        if self.process is not None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self.process.wait(20)
            self.process = None


@contextlib.contextmanager
def run_celery(
    work: Path, environment: dict[str, str], *options: str, app: str = "project"
) -> Iterator[CeleryWorker]:
    """Killed at the end, with its children."""
    work.mkdir(parents=True, exist_ok=True)
    worker = CeleryWorker(work, environment, app, options or ("-c", "1"))
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()
