"""`manage.py exporter` in a process of its own, started as a user starts it."""

import contextlib
import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT
from tests.servers.exposition import Series, parse
from tests.servers.gunicorn import environment
from tests.servers.ports import wait_for


@dataclass(frozen=True)
class Response:
    """What the exporter answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Exporter:
    """A running exporter."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    tls: ssl.SSLContext | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def get(
        self,
        path: str = "/metrics",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: bytes | None = None,
    ) -> Response:
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            return read(connection)
        finally:
            connection.close()

    def scrape(self) -> dict[Series, float]:
        response = self.get()
        assert response.status == 200, response
        return parse(response.text)


def read(connection: http.client.HTTPConnection) -> Response:
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Response(answer.status, headers, answer.read())


def start_exporter(
    work: Path, *arguments: str, directory: Path, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """The process, its output in exporter.log; it may still be starting, or refuse to."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "exporter.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "manage.py", "exporter", "--bind", "127.0.0.1:0", *arguments],
            cwd=ROOT,
            env={"PYTHONPATH": str(work), **environment(directory, work, **(env or {}))},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@contextlib.contextmanager
def run_exporter(
    work: Path,
    *arguments: str,
    directory: Path,
    tls: ssl.SSLContext | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Exporter]:
    """An exporter on a free port, ready for scrapes; SIGTERM ends it, and it exits with 0."""
    log = work / "exporter.log"
    process = start_exporter(work, *arguments, directory=directory, env=env)

    def port() -> int:
        assert process.poll() is None, log.read_text()
        found = re.search(r"://\S+:(\d+)/metrics", log.read_text())
        return int(found[1]) if found else 0

    try:
        yield Exporter(process, wait_for(f"the exporter ({log})", port), log, tls)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def write_settings(work: Path, monitoring: Mapping[str, object]) -> dict[str, str]:
    """The reference project's settings with another MONITORING; the environment that uses them."""
    work.mkdir(parents=True, exist_ok=True)
    module = work / "exporter_test_settings.py"
    module.write_text(f"from project.settings import *\n\nMONITORING = {dict(monitoring)!r}\n")
    return {"DJANGO_SETTINGS_MODULE": module.stem}
