"""`manage.py exporter`: serve the merged registry from a process of its own."""

import os
import signal
import ssl
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring import storage
from monitoring.conf import get_settings
from monitoring.errors import MonitoringError
from monitoring.figures import snapshot_taker
from monitoring.primitives.platform.processes import raise_file_limit
from monitoring.storage import directory as metrics_directory
from monitoring.storage.slots import EXPORTER

DEFAULT_BIND = "127.0.0.1:9464"
_WANTED_FILES = 16_384  # often 1024 are allowed; each metric file and each connection needs one


class Command(BaseCommand):
    help = "Serve the metrics of every process of this site, from a process of its own."
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own declaration)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind",
            default=os.environ.get("EXPORTER_BIND") or DEFAULT_BIND,
            metavar="HOST:PORT",
            help=f"where to listen (default: EXPORTER_BIND, else {DEFAULT_BIND})",
        )
        parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate, PEM")
        parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
        parser.add_argument(
            "--basic-auth-file",
            type=Path,
            metavar="FILE",
            help="a file with one line USER:PASSWORD that /metrics asks for",
        )
        parser.add_argument(
            "--token-file",
            type=Path,
            metavar="FILE",
            help="a file with a bearer token for /metrics (default: the setting SCRAPE_TOKEN)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Imported here: the other commands need neither numpy nor a server.
        from monitoring.exporter.scraper import exporter_scraper  # noqa: PLC0415
        from monitoring.exporter.server import DRAIN_SECONDS, ExporterServer  # noqa: PLC0415
        from monitoring.exposition.access import ScrapeAccess  # noqa: PLC0415

        host, port = parse_bind(options["bind"])
        username, password = _read_basic_auth(options["basic_auth_file"])
        token = _read_token(options["token_file"])
        tls = _tls(options["tls_cert"], options["tls_key"])
        directory = metrics_directory.configured_directory()
        try:
            settings = get_settings()
            metrics_directory.ensure(directory)
            storage.install(role=EXPORTER, directory=directory)
            scraper = exporter_scraper(directory)
        except MonitoringError as error:
            raise CommandError(str(error)) from error
        access = ScrapeAccess(
            token or settings.SCRAPE_TOKEN,
            username,
            password,
            settings.SCRAPE_ALLOWED_NETWORKS,
            tls,
        )
        try:
            server = ExporterServer(host, port, scraper, access)
        except OSError as error:
            raise CommandError(
                f"--bind {options['bind']}: {error.strerror or error}; choose another address"
            ) from error
        raise_file_limit(_WANTED_FILES)
        _stop_on_signals(server)
        storage.attach()
        snapshot_taker.ensure_running(directory, is_exporter=True)
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if tls else "http"
        self.stdout.write(
            f"Exporter of {directory} at {scheme}://{shown}:{server.server_port}/metrics"
        )
        self.stdout.flush()
        server.serve_forever(poll_interval=0.2)
        server.server_close()
        server.connections.drain(DRAIN_SECONDS)


def parse_bind(value: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, where an IPv6 host is in brackets. Raises CommandError."""
    host, _, port = value.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if is_bracketed else host
    if (
        not bare
        or (":" in bare) != is_bracketed
        or not (port.isascii() and port.isdigit() and int(port) <= 65535)
    ):
        raise CommandError(
            f"--bind {value}: allowed is HOST:PORT, such as {DEFAULT_BIND} or [::1]:9464"
        )
    return bare, int(port)


def _stop_on_signals(server: Any) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        # In a thread: shutdown() waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _read_line(path: Path | None, option: str) -> str:
    if path is None:
        return ""
    try:
        line = path.read_text().strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise CommandError(f"{option} {path}: {reason}") from error
    if not line or "\n" in line:
        raise CommandError(f"{option} {path}: allowed is one line that is not empty")
    return line


def _read_token(path: Path | None) -> str:
    token = _read_line(path, "--token-file")
    if not token.isascii() or " " in token:
        raise CommandError(f"--token-file {path}: allowed are ASCII characters without spaces")
    return token


def _read_basic_auth(path: Path | None) -> tuple[str, str]:
    line = _read_line(path, "--basic-auth-file")
    username, colon, password = line.partition(":")
    if path is not None and not (username and colon and password):
        raise CommandError(f"--basic-auth-file {path}: allowed is one line USER:PASSWORD")
    return username, password


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise CommandError("--tls-cert and --tls-key go together")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # With a password, an encrypted key is an error; otherwise OpenSSL would prompt for one.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise CommandError(
            f"--tls-cert {certificate}, --tls-key {key}: {reason}; allowed are a certificate and "
            "its key, not encrypted, in PEM files"
        ) from error
    return context
