"""gunicorn serving the reference project, started as a user starts it."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT
from tests.servers.exposition import Series, parse
from tests.servers.ports import free_port, wait_for

SCRAPE = "/api/metrics/prometheus/"
# What a process that no admin asks, and nobody scrapes, does without.
FOR_ADMINS = ("numpy", "rest_framework", "drf_spectacular")


@dataclass
class Gunicorn:
    """A running server. `master` is its first master process."""

    master: "subprocess.Popen[bytes]"
    host: str
    port: int
    directory: Path
    log: Path

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def scrape(self) -> dict[Series, float]:
        status, text = self.get(SCRAPE)
        assert status == 200, text
        return parse(text)

    def workers(self) -> list[int]:
        return children(self.master.pid)

    def wait_for_workers(self, count: int) -> list[int]:
        """The workers' pids, once there are `count` of them, each with its slot."""

        def ready() -> list[int] | None:
            pids = self.workers()
            booted = self.log.read_text().count("Booting worker")
            return pids if len(pids) == count and booted >= count else None

        return wait_for(f"{count} workers", ready)

    def signal(self, number: signal.Signals) -> None:
        self.master.send_signal(number)

    def worker_files(self) -> list[str]:
        """The workers' metric files; the master has its own, in slot master-0."""
        return sorted(path.name for path in self.directory.glob("*_web-*.db"))

    def worker_slots(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("web-*.lock"))


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def is_dead(pid: int) -> bool:
    """Whether the process has ended with all its threads; its parent need not have noticed.

    While a thread is still ending, a killed process keeps its memory and its mapped files.
    """
    try:
        stats = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # a thread, or all of it, went meanwhile
        return not Path(f"/proc/{pid}").exists()
    return all(stat.rsplit(")", 1)[1].split()[0] in "ZX" for stat in stats)


def environment(directory: Path, work: Path, **extra: str) -> dict[str, str]:
    """What a server gets; nothing of the developer's own environment but PATH."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "DEMO_VIEWS": "1",
        "SECRET_KEY": "for-tests-only-" * 4,
        "DATABASE_URL": f"sqlite:///{work / 'db.sqlite3'}",
        "PROMETHEUS_MULTIPROC_DIR": str(directory),
        **extra,
    }


def command(*arguments: str) -> list[str]:
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    return [gunicorn, "-c", "gunicorn.conf.py", *arguments]


@contextlib.contextmanager
def run_gunicorn(
    work: Path,
    *arguments: str,
    directory: Path,
    workers: int = 4,
    ready: str = SCRAPE,
    **extra: str,
) -> Iterator[Gunicorn]:
    """A server on a free port (or on BIND) that answers `ready` with 200.

    Afterwards all its processes are gone.
    """
    work.mkdir(parents=True, exist_ok=True)
    bind = extra.pop("BIND", f"127.0.0.1:{free_port()}")
    host, _, number = bind.rpartition(":")
    port = int(number)
    log = work / f"gunicorn-{port}.log"
    with log.open("wb") as output:
        master = subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env=environment(directory, work, BIND=bind, WEB_CONCURRENCY=str(workers), **extra),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Gunicorn(master, host, port, directory, log)
    try:
        wait_for(f"{ready} of {log}", lambda: server.get(ready)[0] == 200)
        server.wait_for_workers(workers)
        yield server
    finally:
        end_session(master)


def end_session(leader: "subprocess.Popen[bytes]") -> None:
    """End a process and all of its session: an upgraded master is not its child any more."""
    leader.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        leader.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait(5)
