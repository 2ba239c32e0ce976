"""An HTTP server of the test's own, in a thread, for as long as a block runs."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar


class LocalServer(ThreadingHTTPServer):
    """On a free port. A request that hangs does not keep the test from its end."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Quiet:
    """A handler with it logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its own name)
        pass


S = TypeVar("S", bound=LocalServer)


@contextlib.contextmanager
def serving(server: S) -> Iterator[S]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
