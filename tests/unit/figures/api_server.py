"""A server in place of Prometheus that answers as it is told, wrong answers included."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs

from tests.servers.http_server import LocalServer, Quiet, serving


class ApiServer(LocalServer):
    """`status` and `body` are every answer, or `answer` gives the body for the path and the form.

    Requests wait for `go`.
    """

    status = 200
    body = b""
    answer: Callable[[str, dict[str, list[str]]], bytes] | None = None

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.go = threading.Event()
        self.go.set()
        self.seen: list[tuple[str, dict[str, str], dict[str, list[str]]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(Quiet, BaseHTTPRequestHandler):
    server: ApiServer

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.seen.append((self.path, dict(self.headers), form))
        self.server.go.wait(20)
        with contextlib.suppress(OSError):
            answer = self.server.answer
            body = self.server.body if answer is None else answer(self.path, form)
            self.send_response(self.server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


@contextlib.contextmanager
def run_api_server() -> Iterator[ApiServer]:
    """On a free port."""
    with serving(ApiServer()) as server:
        try:
            yield server
        finally:
            server.go.set()
