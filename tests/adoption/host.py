"""A fresh project in an environment of its own, with the built wheel, under gunicorn."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.adoption.readme import documented_lines
from tests.paths import ROOT
from tests.servers.exposition import Series, parse
from tests.servers.gunicorn import end_session
from tests.servers.ports import free_port, wait_for

# What a host may need beside Django and us.
SERVERS = ("gunicorn", "gevent", "packaging", "uvicorn-worker")
OTHERS = ("djangorestframework-simplejwt", "django-jazzmin", "django-unfold")
SCRAPE = "/api/metrics/prometheus/"

# In the order of hatchling's own command line; no network, no isolated environment.
_BUILD = """
import sys
from hatchling.builders.wheel import WheelBuilder
print(next(WheelBuilder(sys.argv[1]).build(directory=sys.argv[2])))
"""
# A view of the host's own, before the documented lines.
_VIEW = """
from django.http import HttpResponse

urlpatterns += [path("hello/<int:number>/", lambda request, number: HttpResponse("hello"))]
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel and what hosts have beside it."""

    path: Path

    def program(self, name: str) -> str:
        return str(self.path / "bin" / name)

    def version_of(self, package: str) -> str:
        script = f"from importlib.metadata import version; print(version({package!r}))"
        return run([self.program("python"), "-c", script], self.path).strip()


def build_wheel(work: Path) -> Path:
    return Path(run([sys.executable, "-c", _BUILD, str(ROOT), str(work)], work).strip())


def host_python() -> str:
    """The Python of the hosts: ours, or the one that `make test-matrix` is at."""
    return os.environ.get("MATRIX_PYTHON", sys.executable)


def make_environment(
    work: Path, python: str, wheel: Path, *packages: str, extras: str = "api"
) -> Environment:
    """What pip chooses for this Python without a constraint, as a project's own pip does.

    MATRIX_DJANGO is the only thing pinned, by `make test-matrix`.
    """
    if django := os.environ.get("MATRIX_DJANGO"):
        packages = (f"django=={django}.*", *packages)
    path = work / "venv"
    run([python, "-m", "venv", str(path)], work)
    install = [str(path / "bin/pip"), "install", "--quiet", "--no-compile"]
    run([*install, f"{wheel}[{extras}]" if extras else str(wheel), *packages], work)
    return Environment(path)


@dataclass
class Host:
    """A project called mysite in `work`."""

    work: Path
    environment: Environment

    def add(self, file: str, text: str) -> None:
        with (self.work / file).open("a") as target:
            target.write(f"\n{text}\n")

    def manage(self, *arguments: str, flags: tuple[str, ...] = ()) -> str:
        python = self.environment.program("python")
        return run([python, *flags, "manage.py", *arguments], self.work, self.env)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.work),
            "PROMETHEUS_MULTIPROC_DIR": str(self.work / "metrics"),
        }

    @contextlib.contextmanager
    def serve(self, *options: str, app: str = "mysite.wsgi") -> Iterator["Server"]:
        port = free_port()
        log = self.work / "gunicorn.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(self.environment.program("gunicorn"), "-c", "gunicorn.conf.py"),
                    *("-w", "2", "-b", f"127.0.0.1:{port}", *options, app),
                ],
                cwd=self.work,
                env=self.env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(port)
        try:
            wait_for(f"the host ({log})", lambda: server.ask(SCRAPE)[0] == 200, 60)
            yield server
        finally:
            end_session(process)


@dataclass(frozen=True)
class Server:
    port: int

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def json(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        status, text = self.ask(path, headers)
        return status, json.loads(text)

    def visit(self, path: str, times: int) -> None:
        with ThreadPoolExecutor(4) as pool:
            statuses = set(pool.map(lambda _: self.ask(path)[0], range(times)))
        assert statuses == {200}

    def scrape(self) -> dict[Series, float]:
        status, text = self.ask(SCRAPE)
        assert status == 200, text
        return parse(text)


def adopt(work: Path, environment: Environment, settings: str = "") -> Host:
    """A fresh project with a view; `settings` are its own, before the documented lines."""
    work.mkdir(parents=True)
    run([environment.program("django-admin"), "startproject", "mysite", "."], work)
    host, lines = Host(work, environment), documented_lines()
    host.add("mysite/urls.py", _VIEW)
    host.add("mysite/settings.py", settings)
    host.add("mysite/settings.py", lines.settings)
    host.add("mysite/urls.py", lines.urls)
    host.add("gunicorn.conf.py", lines.gunicorn)
    return host


def run(
    command: list[str], cwd: Path, env: Mapping[str, str] | None = None, *, seconds: float = 240
) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
