"""Measures gunicorn with four workers under wrk: throughput, p99, memory (see bench/README.md)."""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from bench.redis_server import redis_for
from bench.variants import BASELINE, RIVAL_ON_SLOTS, VARIANTS

_WORKERS = 4
_PATH = "/ok/7/"
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1000.0}
_NAMES = [name for name in VARIANTS if name != RIVAL_ON_SLOTS]


@dataclass
class Figures:
    """One value per round; memory is the mean of the workers, in bytes."""

    per_second: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    worker_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn."""

    process: "subprocess.Popen[bytes]"
    port: int

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]

    def worker_bytes(self) -> float:
        """Proportional set size: pages that workers share are divided among them."""
        sizes = [
            int(found[1]) * 1024
            for pid in self.workers()
            if (found := re.search(r"^Pss:\s+(\d+)", _read(f"/proc/{pid}/smaps_rollup"), re.M))
        ]
        return sum(sizes) / len(sizes)

    def signal(self, number: signal.Signals) -> None:
        """Signal all of its processes: a server that is not measured must not use the core."""
        os.killpg(self.process.pid, number)

    def is_up(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", _PATH)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def measure(seconds: int, rounds: int, connections: int) -> dict[str, Figures]:
    """Measure all variants in turn in each round; the figures by variant name."""
    figures = {name: Figures() for name in _NAMES}
    with redis_for(_NAMES), ExitStack() as stack:
        servers = {
            name: stack.enter_context(_serve(name, 18100 + number))
            for number, name in enumerate(_NAMES)
        }
        for number in range(rounds):
            first = number % len(_NAMES)
            for name in (*_NAMES[first:], *_NAMES[:first]):
                servers[name].signal(signal.SIGCONT)
                per_second, p99 = _wrk(servers[name].port, seconds, connections)
                figures[name].per_second.append(per_second)
                figures[name].p99_ms.append(p99)
                figures[name].worker_bytes = servers[name].worker_bytes()
                servers[name].signal(signal.SIGSTOP)
        for server in servers.values():
            server.signal(signal.SIGCONT)
    return figures


def table(figures: dict[str, Figures]) -> str:
    """A Markdown table; ratios are to the variant without monitoring in the same round."""
    lines = [
        "| monitoring | requests/s | of none | p99 ms | of none | memory of a worker, MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    none = figures[BASELINE]
    for name, mine in figures.items():
        cells = [
            VARIANTS[name].title,
            f"{statistics.median(mine.per_second):,.0f}",
            f"{_ratio(mine.per_second, none.per_second):.2f}",
            f"{statistics.median(mine.p99_ms):.1f}",
            f"{_ratio(mine.p99_ms, none.p99_ms):.2f}",
            f"{mine.worker_bytes / 2**20:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ratio(mine: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))


@contextmanager
def _serve(name: str, port: int) -> Iterator[Server]:
    directory = tempfile.mkdtemp(prefix="bench-served-", dir="/dev/shm")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "bench.served_wsgi"),
            *("--bind", f"127.0.0.1:{port}", "--workers", str(_WORKERS), "--log-level", "warning"),
            *("--worker-class", "sync", "--timeout", "0"),
        ],
        cwd=directory,  # away from this project's gunicorn.conf.py
        env={
            **os.environ,
            "BENCH_VARIANT": name,
            "BENCH_DIRECTORY": directory,
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        },
        start_new_session=True,
    )
    server = Server(process, port)
    try:
        late = time.monotonic() + 30
        while not server.is_up():
            if time.monotonic() > late:
                raise RuntimeError(f"gunicorn with {name} does not answer")
            time.sleep(0.1)
        server.signal(signal.SIGSTOP)
        yield server
    finally:
        server.signal(signal.SIGKILL)
        process.wait(10)
        shutil.rmtree(directory)


def _wrk(port: int, seconds: int, connections: int) -> tuple[float, float]:
    """Requests per second, and the 99th percentile in ms. Raises RuntimeError on any error."""
    said = subprocess.run(
        [
            *("wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s"),
            f"http://127.0.0.1:{port}{_PATH}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if per_second is None or p99 is None or "Non-2xx" in said:
        raise RuntimeError(said)
    return float(per_second[1]), float(p99[1]) * _UNITS[p99[2]]


def _read(path: str) -> str:
    return Path(path).read_text()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.served", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of load a round (default 5)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all variants (default 5)")
    parser.add_argument("--connections", type=int, default=8, help="kept open by wrk (default 8)")
    options = parser.parse_args(arguments)
    print(f"Load average before: {os.getloadavg()[0]:.1f}\n")
    print(table(measure(options.seconds, options.rounds, options.connections)))


if __name__ == "__main__":
    main()
