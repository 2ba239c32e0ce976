"""The exporter's HTTP server: one thread per connection, and a limited number of connections.

What a client can do is limited: a request line of 64 KiB (http.server), a head of MAX_HEAD_BYTES
in 100 lines (http.client), no body, READ_SECONDS for a request, WRITE_SECONDS for taking the
answer, IDLE_SECONDS between two requests, and MAX_CONNECTIONS at one time. For a further connection
a silent one is closed; if none is silent, the further one is answered 503 and closed.
"""

import contextlib
import errno
import io
import socket
import socketserver
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from monitoring import __version__
from monitoring.errors import MetricsDirectoryError
from monitoring.exporter.connections import Connections
from monitoring.exposition.access import ScrapeAccess
from monitoring.exposition.scrape import REQUEST_HEADERS, BusyError, Scraper
from monitoring.primitives.own_logger import OwnLogger
from monitoring.storage.self_report import report_failure

MAX_CONNECTIONS = 512  # a thread that waits costs some 30 KiB
MAX_HEAD_BYTES = 32768
READ_SECONDS = 10.0
ANSWER_SECONDS = 150.0  # longer than the longest scrape timeout that is obeyed
WRITE_SECONDS = 30.0
IDLE_SECONDS = 75.0  # longer than the usual scrape intervals: a scraper keeps its connection
DRAIN_SECONDS = 5.0  # at the end of the process, for the answers under way
LINGER_SECONDS = 1.0
ACCEPT_PAUSE_SECONDS = 0.05  # while the system has no descriptor for another connection

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_UNREADABLE = b"the metrics directory cannot be read\n"
_PLAIN = "text/plain; charset=utf-8"
_INDEX = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Metrics exporter</title></head>
<body><h1>Metrics exporter</h1>
<ul><li><a href="/metrics">/metrics</a></li><li><a href="/-/healthy">/-/healthy</a></li>
<li><a href="/-/ready">/-/ready</a></li></ul></body></html>
"""
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Cache-Control: no-store\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
    b"too many connections\n"
)

logger = OwnLogger("monitoring.exporter")


class ExporterServer(ThreadingHTTPServer):
    """Serves /metrics, /-/healthy, /-/ready and an index page."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, host: str, port: int, scraper: Scraper, access: ScrapeAccess) -> None:
        """Binds at once. Raises OSError if the address cannot be used."""
        self.scraper = scraper
        self.access = access
        self.connections = Connections(MAX_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for a name that is not needed.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            connection, address = super().get_request()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                # The client still waits, so that accepting would be tried again at once, for ever.
                self.connections.end_a_silent_one()
                time.sleep(ACCEPT_PAUSE_SECONDS)
            raise
        if self.access.tls is not None:
            # The accepting thread leaves the handshake, which waits for the client, to another.
            connection = self.access.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.connections.admit():
            # The accepting thread neither reads nor waits.
            request.setblocking(False)
            if self.access.tls is None:
                with contextlib.suppress(OSError):
                    request.send(_REFUSED)
            self.shutdown_request(request)
            return
        self.connections.begin(request, READ_SECONDS)
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.connections.leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.leave(request)

    def service_actions(self) -> None:
        """Called by serve_forever in each of its rounds."""
        self.connections.end_overdue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection of %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: ExporterServer
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # for an unparsable request; 0.9 has no status line
    disable_nagle_algorithm = True  # head and body are two writes
    timeout = READ_SECONDS

    def handle(self) -> None:
        if self.server.access.tls is not None:
            self.connection.do_handshake()
        self.close_connection = True
        self.handle_one_request()
        while not self.close_connection and self._has_another():
            self.handle_one_request()

    def _has_another(self) -> bool:
        """Wait for the first byte of the next request."""
        self.server.connections.rest(self.request)
        self.connection.settimeout(IDLE_SECONDS)
        if not self.rfile.peek(1):  # type: ignore[attr-defined]
            return False
        self.server.connections.begin(self.request, READ_SECONDS)
        self.connection.settimeout(READ_SECONDS)
        return True

    def parse_request(self) -> bool:
        """Whether there is a request to answer; if not, a refusal has been sent."""
        head = self._read_head()
        if head is None:
            self.command, self.requestline = "", ""
            self.request_version = self.default_request_version
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return False
        with contextlib.closing(io.BytesIO(head)) as lines:
            stream, self.rfile = self.rfile, lines
            try:
                if not super().parse_request():
                    return False
            finally:
                self.rfile = stream
        if self.command not in ("GET", "HEAD"):
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)
            return False
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return False
        return True

    def _read_head(self) -> bytes | None:
        """The lines after the request line, up to the empty one; None if they are too long."""
        head = b""
        while len(head) < MAX_HEAD_BYTES:
            line = self.rfile.readline(MAX_HEAD_BYTES)
            head += line
            if line in (b"\r\n", b"\n", b""):
                return head
        return None

    def version_string(self) -> str:
        return f"django-multiprocess-exporter/{__version__}"

    def handle_expect_100(self) -> bool:
        return True  # a body is not accepted: the answer follows at once

    def do_GET(self) -> None:
        self.server.connections.answer(self.request, ANSWER_SECONDS)
        try:
            url = urlsplit(self.path)
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        match url.path:
            case "/metrics":
                self._metrics(url.query)
            case "/-/healthy":
                self._send(HTTPStatus.OK, b"ok\n")
            case "/-/ready" if self.server.scraper.is_readable():
                self._send(HTTPStatus.OK, b"ok\n")
            case "/-/ready":
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, _UNREADABLE)
            case "/":
                self._send(HTTPStatus.OK, _INDEX, {"Content-Type": "text/html; charset=utf-8"})
            case _:
                self._send(HTTPStatus.NOT_FOUND, b"not found\n")

    do_HEAD = do_GET  # noqa: N815  (http.server's naming)

    def _metrics(self, query: str) -> None:
        access = self.server.access
        if not access.is_from_allowed_network(self.client_address[0]):
            self._send(HTTPStatus.FORBIDDEN, b"forbidden\n")
            return
        if not access.permits(self.headers.get("Authorization", "")):
            challenge = {"WWW-Authenticate": access.challenge}
            self._send(HTTPStatus.UNAUTHORIZED, b"unauthorized\n", challenge)
            return
        try:
            names = parse_qs(query, max_num_fields=1000).get("name[]", [])
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in REQUEST_HEADERS}
        try:
            answer = self.server.scraper.answer(
                headers, frozenset(names), present=self.server.connections.active
            )
        except BusyError:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"busy\n")
            return
        except (OSError, MetricsDirectoryError):
            report_failure("the exporter has no figures")
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, _UNREADABLE)
            return
        except Exception:
            logger.exception("a scrape failed")
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"the scrape failed\n")
            return
        self._send(HTTPStatus.OK, answer.body, answer.headers)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send a refusal, http.server's or ours, that repeats nothing of the request."""
        self.close_connection = True  # what else the client sent is not read
        status = HTTPStatus(code)
        allow = {"Allow": "GET, HEAD"} if status == HTTPStatus.METHOD_NOT_ALLOWED else None
        self._send(status, f"{status.phrase.lower()}\n".encode(), allow)
        # Closing with unread input would reset the connection and perhaps lose the answer.
        self.connection.settimeout(LINGER_SECONDS)
        with contextlib.suppress(OSError):
            for _ in range(64):
                if not self.connection.recv(65536):
                    break

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.server.connections.answer(self.request, WRITE_SECONDS)
        self.connection.settimeout(WRITE_SECONDS)
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
