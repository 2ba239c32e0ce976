"""The web servers that docs/servers.md names, each serving the reference project."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monitoring.merging.merge import Merged, Merger
from tests.load.client import SERVED_BY
from tests.paths import ROOT
from tests.servers.exposition import Series, series
from tests.servers.gunicorn import environment
from tests.servers.ports import free_port, wait_for

_SETTINGS = "tests.servers.served_by_settings"
_WSGI, _ASGI = "project.wsgi:application", "project.asgi:application"


@dataclass(frozen=True, slots=True)
class WebServer:
    """How a server is started: PORT stands in `command` for its port.

    A killed worker is replaced if the server `respawns`; else the server ends with it. It `reloads`
    at SIGHUP. `configured` is the number of workers that the server tells, if it does.
    """

    command: tuple[str, ...]
    workers: int
    respawns: bool = True
    reloads: bool = True
    configured: int | None = None


def _gunicorn(*arguments: str) -> WebServer:
    command = ("gunicorn", "-c", "gunicorn.conf.py", "--bind", "127.0.0.1:PORT", "--workers", "2")
    return WebServer((*command, *arguments), 2, configured=2)


def _granian(interface: str, application: str) -> WebServer:
    options = ("--interface", interface, "--workers", "3", "--respawn-failed-workers")
    quick = ("--respawn-interval", "0.5")
    return WebServer(("granian", "--port", "PORT", *options, *quick, application), 3)


def _uwsgi(*arguments: str) -> WebServer:
    options = ("--http-socket", "127.0.0.1:PORT", "--master", "--processes", "2")
    # Else SIGTERM reloads, and with `--die-on-term` it cuts the answers under way.
    stop = ("--hook-master-start", "unix_signal:15 gracefully_kill_them_all")
    # From the wheel, it is a module of Python; without this, its reload forgets the environment.
    again = ("--binary-path", sys.executable)
    return WebServer(("uwsgi", *options, *stop, *again, "--module", _WSGI, *arguments), 2)


_HYPERCORN = ("hypercorn", "--bind", "127.0.0.1:PORT", "--workers", "3", _ASGI)

SERVERS = {
    "gunicorn-sync": _gunicorn(),
    "gunicorn-gthread": _gunicorn("-k", "gthread", "--threads", "4"),
    "gunicorn-gevent": _gunicorn("-k", "gevent"),
    "gunicorn-asgi": _gunicorn("-k", "asgi", _ASGI),
    "gunicorn-uvicorn-worker": _gunicorn("-k", "uvicorn_worker.UvicornWorker", _ASGI),
    "uvicorn": WebServer(("uvicorn", "--port", "PORT", "--workers", "3", _ASGI), 3),
    "granian-wsgi": _granian("wsgi", _WSGI),
    "granian-asgi": _granian("asginl", _ASGI),
    "hypercorn": WebServer(_HYPERCORN, 3, respawns=False),
    "daphne": WebServer(("daphne", "--port", "PORT", _ASGI), 1, respawns=False, reloads=False),
    "uwsgi": _uwsgi(),
    "uwsgi-threads": _uwsgi("--threads", "4"),
    "uwsgi-lazy-apps": _uwsgi("--lazy-apps"),
    "uwsgi-lazy-apps-threads": _uwsgi("--lazy-apps", "--threads", "4"),
    "runserver": WebServer(
        ("python", "manage.py", "runserver", "PORT"), 1, respawns=False, reloads=False
    ),
}


@dataclass(frozen=True, slots=True)
class RunningServer:
    master: "subprocess.Popen[bytes]"
    port: int
    directory: Path
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, int]:
        """The status, and the pid of the process that answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            response.read()
            return response.status, int(response.headers[SERVED_BY] or 0)
        finally:
            connection.close()

    def merged(self) -> Merged:
        """The metric files of all slots, as the exporter merges them."""
        return Merger(self.directory, lambda: None).merge()

    def samples(self) -> dict[Series, float]:
        merged = self.merged()
        return {
            series(line.name, **dict(line.labels)): float(value)
            for line, value in zip(merged.layout.lines, merged.values, strict=True)
        }

    def stop(self) -> int:
        self.master.send_signal(signal.SIGTERM)
        return self.master.wait(20)


@contextlib.contextmanager
def run_server(server: WebServer, work: Path, directory: Path) -> Iterator[RunningServer]:
    """Until the end of the block; then all its processes are gone. The log is in `work`."""
    port, log = free_port(), work / "server.log"
    command = [argument.replace("PORT", str(port)) for argument in server.command]
    command[0] = str(Path(sys.executable).with_name(command[0]))
    with log.open("wb") as output:
        master = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(
                directory, work, DJANGO_SETTINGS_MODULE=_SETTINGS, BIND=f"127.0.0.1:{port}"
            ),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    running = RunningServer(master, port, directory, log)

    def answers() -> bool:
        assert master.poll() is None, log.read_text()
        return running.get("/api/health/live/")[0] == 200

    try:
        wait_for(f"{command}", answers)
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(master.pid, signal.SIGKILL)
        master.wait(20)
