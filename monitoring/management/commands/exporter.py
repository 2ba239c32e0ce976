"""`manage.py exporter`: serve the merged registry from a process of its own."""

import argparse
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
from monitoring.storage import directory as metrics_directory

DEFAULT_BIND = "127.0.0.1:9464"


class Command(BaseCommand):
    help = "Serve the metrics of every process of this site, from a process of its own."
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own declaration)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind",
            default=os.environ.get("EXPORTER_BIND", DEFAULT_BIND),
            type=parse_bind,
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
        from monitoring.exporter.server import ExporterServer, Security  # noqa: PLC0415
        from monitoring.exporter.sources import exporter_scraper  # noqa: PLC0415

        directory = metrics_directory.configured_directory()
        try:
            settings = get_settings()
            metrics_directory.ensure(directory)
        except MonitoringError as error:
            raise CommandError(str(error)) from error
        storage.install(role="exporter", directory=directory)
        username, password = _read_basic_auth(options["basic_auth_file"])
        token = _read_line(options["token_file"], "--token-file") or settings.SCRAPE_TOKEN
        security = Security(
            token, username, password, _tls(options["tls_cert"], options["tls_key"])
        )
        host, port = options["bind"]
        try:
            server = ExporterServer(host, port, exporter_scraper(directory), security)
        except OSError as error:
            raise CommandError(
                f"--bind {host}:{port}: {error.strerror or error}; choose another address"
            ) from error
        storage.attach()
        _stop_on_signals(server)
        shown = f"[{host}]" if ":" in host else host
        scheme = "https" if security.tls else "http"
        self.stdout.write(
            f"Exporter of {directory} at {scheme}://{shown}:{server.server_port}/metrics"
        )
        self.stdout.flush()
        server.serve_forever(poll_interval=0.2)
        server.server_close()


def parse_bind(value: str) -> tuple[str, int]:
    """HOST:PORT, an IPv6 host in brackets. Raises ArgumentTypeError."""
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(
            f"{value!r}: allowed is HOST:PORT, such as {DEFAULT_BIND} or [::1]:9464"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _stop_on_signals(server: Any) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        # shutdown() waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _read_line(path: Path | None, option: str) -> str:
    if path is None:
        return ""
    try:
        line = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise CommandError(f"{option} {path}: cannot be read ({error})") from error
    if not line or "\n" in line:
        raise CommandError(f"{option} {path}: allowed is one line that is not empty")
    return line


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
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise CommandError(f"--tls-cert {certificate}, --tls-key {key}: {error}") from error
    return context
