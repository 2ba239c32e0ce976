"""Runs services side by side, shows their output, and stops all of them in order.

Each service has its own session, so that a terminal's Ctrl-C reaches the runner only.
The runner asks the services to stop, the last stage first, and kills what is left of each one's
process group. If the runner itself is killed, the kernel ends the services: see launch.py.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from project.run import launch, output

GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_RUNNER = "make run"


@dataclass(slots=True)
class Service:
    """A command; if the runner is killed, the kernel sends it `orphan_signal`."""

    name: str
    command: list[str]
    orphan_signal: signal.Signals = signal.SIGKILL
    is_quiet: bool = False
    process: "subprocess.Popen[str] | None" = None
    printer: threading.Thread | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=10))

    def start(self) -> None:
        # Call it in the main thread: the kernel watches the forking thread, not its process.
        self.process = subprocess.Popen(
            launch.command(self.command, self.orphan_signal),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.printer = threading.Thread(target=self._print, daemon=True)
        self.printer.start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def sweep(self) -> None:
        """Kill what is left of its process group, such as the workers of a killed master."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _print(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if self.is_quiet:
                self.last_lines.append(line)
            else:
                output.write_line(self.name, line)


class Supervisor:
    """Stages start first to last and stop last to first."""

    def __init__(self, stages: Sequence[Sequence[Service]]) -> None:
        self._stages = stages
        self._signals: list[tuple[float, signal.Signals]] = []
        self.is_stopping = False

    def run(self, when_started: Callable[[], None]) -> int:
        """Run until a signal, a closed standard output (0 for both), or a service's end (1).

        `when_started` is called in a thread of its own.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)
        try:
            for service in self._services():
                if not self._signals:
                    service.start()
            threading.Thread(target=when_started, daemon=True).start()
            return self._watch()
        finally:
            self._stop()

    def _services(self) -> list[Service]:
        return [service for stage in self._stages for service in stage]

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals.append((time.monotonic(), signal.Signals(number)))

    def _is_impatient(self) -> bool:
        """Whether a second signal came, not at once: make may repeat the first one."""
        return len(self._signals) > 1 and self._signals[-1][0] > self._signals[0][0] + 1

    def _watch(self) -> int:
        while not self._signals and not output.is_closed():
            ended = [service for service in self._services() if not service.is_running()]
            if ended:
                self._report(ended[0])
                return 1
            time.sleep(_POLL_SECONDS)
        return 0

    def _report(self, service: Service) -> None:
        assert service.process is not None
        for line in service.last_lines:
            output.write_line_now(service.name, line)
        status = service.process.returncode
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        output.write_line_now(_RUNNER, f"{service.name} ended ({how}); everything is stopped")

    def _stop(self) -> None:
        self.is_stopping = True
        if self._signals:
            output.write_line_now(_RUNNER, f"{self._signals[0][1].name}: stopping (again: now)")
        for stage in reversed(self._stages):
            for service in stage:
                service.ask_to_stop()
            deadline = time.monotonic() + GRACE_SECONDS
            while (
                any(service.is_running() for service in stage)
                and time.monotonic() < deadline
                and not self._is_impatient()
            ):
                time.sleep(_POLL_SECONDS)
            for service in stage:
                service.sweep()
        for service in self._services():
            if service.printer is not None:
                service.printer.join(1)  # for its last lines; not forever, as a reader may stall
