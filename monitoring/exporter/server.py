"""The exporter's HTTP server: a bounded number of threads, each with one connection.

What a client can do is limited: header lines to 64 KiB and 100 of them (http.client), no bodies,
SOCKET_SECONDS for every read and write and CONNECTION_SECONDS in all, MAX_CONNECTIONS at one time.
A further connection is answered 503 and closed.
"""

import base64
import contextlib
import hmac
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from monitoring import __version__
from monitoring.exposition.scrape import BusyError, Scraper

SOCKET_SECONDS = 10.0
CONNECTION_SECONDS = 300.0
MAX_CONNECTIONS = 64

_PLAIN = "text/plain; charset=utf-8"
_INDEX = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Metrics exporter</title></head>
<body><h1>Metrics exporter</h1>
<ul><li><a href="/metrics">/metrics</a></li><li><a href="/-/healthy">/-/healthy</a></li>
<li><a href="/-/ready">/-/ready</a></li></ul></body></html>
"""
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 5\r\nConnection: close\r\n\r\nbusy\n"
)

logger = logging.getLogger("monitoring.exporter")


@dataclass(frozen=True, slots=True)
class Security:
    """How the exporter is closed; by default it is open, and meant for loopback."""

    bearer_token: str = ""
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    def permits(self, authorization: str) -> bool:
        """Whether an Authorization header is good enough; either scheme that is configured is."""
        if not self.bearer_token and not self.username:
            return True
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if scheme.lower() == "bearer" and self.bearer_token:
            return _equal(given, self.bearer_token)
        if scheme.lower() == "basic" and self.username:
            try:
                decoded = base64.b64decode(given, validate=True).decode()
            except ValueError:
                return False
            return _equal(decoded, f"{self.username}:{self.password}")
        return False

    @property
    def challenge(self) -> str:
        return "Basic realm=metrics" if self.username else "Bearer"


class ExporterServer(ThreadingHTTPServer):
    """Serves /metrics, /-/healthy, /-/ready and an index page."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, scraper: Scraper, security: Security) -> None:
        """Binds at once. Raises OSError if the address cannot be used."""
        self.scraper = scraper
        self.security = security
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._since: dict[socket.socket, float] = {}
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._connections.acquire(blocking=False):
            # Said without reading and without waiting: this is the accepting thread.
            request.setblocking(False)
            try:
                if self.security.tls is None:
                    request.send(_REFUSED)
            except OSError:
                pass
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._connections.release()
            raise

    def service_actions(self) -> None:
        """Called by serve_forever twice a second: end connections that dawdle byte by byte."""
        oldest = time.monotonic() - CONNECTION_SECONDS
        for request, since in list(self._since.items()):
            if since < oldest:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            self._since[request] = time.monotonic()
            request.settimeout(SOCKET_SECONDS)
            if self.security.tls is not None:
                # In the connection's own thread: a slow handshake holds up nobody else.
                plain, request = request, self.security.tls.wrap_socket(request, server_side=True)
                self._since[request] = self._since.pop(plain)
            super().process_request_thread(request, client_address)
        except OSError as error:
            logger.debug("connection of %s ended: %s", client_address, error)
            self.shutdown_request(request)
        finally:
            self._since.pop(request, None)
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: ExporterServer
    protocol_version = "HTTP/1.1"
    server_version = f"django-multiprocess-exporter/{__version__}"
    sys_version = ""
    timeout = SOCKET_SECONDS

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _refuse_method(self) -> None:
        self.close_connection = True  # a body, if there is one, is not read
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"method not allowed\n", {"Allow": "GET, HEAD"})

    # http.server's naming; a method that is not here gets its 501.
    do_POST = do_PUT = do_DELETE = do_PATCH = _refuse_method  # noqa: N815
    do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method  # noqa: N815

    def _answer(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"a body is not allowed\n")
            return
        url = urlsplit(self.path)
        match url.path:
            case "/metrics":
                self._metrics(url.query)
            case "/-/healthy" | "/-/ready":
                self._send(HTTPStatus.OK, b"ok\n")
            case "/":
                self._send(HTTPStatus.OK, _INDEX, {"Content-Type": "text/html; charset=utf-8"})
            case _:
                self._send(HTTPStatus.NOT_FOUND, b"not found\n")

    def _metrics(self, query: str) -> None:
        if not self.server.security.permits(self.headers.get("Authorization", "")):
            challenge = {"WWW-Authenticate": self.server.security.challenge}
            self._send(HTTPStatus.UNAUTHORIZED, b"unauthorized\n", challenge)
            return
        try:
            names = parse_qs(query, max_num_fields=1000).get("name[]", [])
        except ValueError:
            self._send(HTTPStatus.BAD_REQUEST, b"too many parameters\n")
            return
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        try:
            answer = self.server.scraper.answer(headers, frozenset(names))
        except BusyError:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"busy\n")
            return
        except Exception:
            logger.exception("a scrape failed")
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"the scrape failed\n")
            return
        self._send(HTTPStatus.OK, answer.body, answer.headers)

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        sent = {"Content-Type": _PLAIN, "Cache-Control": "no-store", **(headers or {})}
        for name, value in sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        logger.debug("%s", format % args)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
