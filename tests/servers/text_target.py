"""A scrape target that serves a text of the test's own."""

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

from tests.servers.http_server import LocalServer, Quiet, serving


class TextTarget(LocalServer):
    """Serves `text` as the Prometheus text format, whatever the path."""

    text = ""


class _Handler(Quiet, BaseHTTPRequestHandler):
    server: TextTarget

    def do_GET(self) -> None:
        body = self.server.text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def run_text_target() -> Iterator[TextTarget]:
    """A target on a free port."""
    with serving(TextTarget(_Handler)) as server:
        yield server
