"""Starts the variants' processes and sends them commands."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from bench.client import Timing
from bench.variants import VARIANTS, Variant, counter_of


class VariantProcess:
    """A running child and its metrics directory."""

    def __init__(self, variant: Variant, directory: Path, cpu: int | None) -> None:
        self.variant = variant
        self.directory = directory
        self.requests = 0
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.child", variant.name, str(directory)),
                *(() if cpu is None else ("--cpu", str(cpu))),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "random"},
        )
        self._read()

    def measure(
        self, handler: str, case: str, requests: int, *, lead_in: int = 0, **more: str
    ) -> Timing:
        assert self._process.stdin is not None
        command = {
            "handler": handler,
            "case": case,
            "requests": requests,
            "lead_in": lead_in,
            **more,
        }
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        self.requests += requests + lead_in
        return Timing(**answer)

    def check_count(self) -> None:
        """Raise RuntimeError unless the files hold each request: cheap is easy if none is kept."""
        counter = counter_of(self.variant)
        if counter is None:
            return
        collector = MultiProcessCollector(CollectorRegistry(), str(self.directory))
        counted = sum(
            sample.value
            for family in collector.collect()
            for sample in family.samples
            if sample.name == counter
        )
        if counted != self.requests:
            raise RuntimeError(
                f"{self.variant.name}: {counted:.0f} requests counted, {self.requests} sent"
            )

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise RuntimeError(f"the process of {self.variant.name} ended with status {code}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running(names: Sequence[str], cpu: int | None) -> Iterator[list[VariantProcess]]:
    """The named variants, each in a new process with an empty directory in memory."""
    memory = Path("/dev/shm")
    with ExitStack() as stack:
        processes = []
        for name in names:
            directory = stack.enter_context(
                tempfile.TemporaryDirectory(
                    prefix="bench-", dir=memory if os.access(memory, os.W_OK) else None
                )
            )
            process = VariantProcess(VARIANTS[name], Path(directory), cpu)
            stack.callback(process.close)
            processes.append(process)
        yield processes
