"""Starts web and Redis under honcho, prints the URLs, and leaves no process behind."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from honcho.manager import Manager

from project import environment
from project.run.redis_server import RedisServer, choose

_START_SECONDS = 60.0


def main() -> int:
    os.chdir(environment.BASE_DIR)
    os.environ.setdefault("DEMO_VIEWS", "1")
    os.environ.setdefault("WEB_CONCURRENCY", "4")
    try:
        host, port = environment.address("BIND", "127.0.0.1:8000")
        environment.whole_number("WEB_CONCURRENCY", 4, 1, 512)
        environment.boolean("DEMO_VIEWS")
    except ImproperlyConfigured as error:
        return _fail(str(error))
    problem = _port_problem(host, port)
    if problem:
        return _fail(
            f"BIND={host}:{port}: {problem}. "
            "Choose another address, for example: BIND=127.0.0.1:8001 make run"
        )
    with tempfile.TemporaryDirectory(prefix="make-run-") as directory:
        redis = choose(os.environ.get("REDIS_URL", ""), Path(directory))
        os.environ["REDIS_URL"] = redis.url
        os.environ.setdefault("CELERY_BROKER_URL", redis.url)
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"], check=False
        )
        if migrated.returncode:
            return _fail("the database could not be migrated (see above)")
        return _run(redis, host, port)


def _run(redis: RedisServer, host: str, port: int) -> int:
    manager = Manager()
    if redis.command is not None:
        manager.add_process("redis", redis.command, quiet=True)
    gunicorn = Path(sys.executable).with_name("gunicorn")
    manager.add_process("web", f"exec {shlex.join([str(gunicorn), '-c', 'gunicorn.conf.py'])}")
    manager.add_process("exporter", f"exec {shlex.join([sys.executable, 'manage.py', 'exporter'])}")
    # honcho ends its children on SIGINT and SIGTERM; a closed terminal is to do the same.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    announcer = threading.Thread(target=_announce, args=(redis, host, port), daemon=True)
    announcer.start()
    manager.loop()
    stopped_by_signal = {-signal.SIGTERM, -signal.SIGINT, 130, 143}
    return 0 if manager.returncode in stopped_by_signal else (manager.returncode or 0)


def _announce(redis: RedisServer, host: str, port: int) -> None:
    """Print the URLs when the site answers."""
    deadline = time.monotonic() + _START_SECONDS
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    while time.monotonic() < deadline:
        try:
            socket.create_connection((reachable, port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    else:
        return
    shown = f"[{reachable}]" if ":" in reachable else reachable
    site = f"http://{shown}:{port}"
    print(
        f"\n  Site      {site}/\n"
        f"  Metrics   {site}/api/metrics/prometheus/\n"
        f"  Admin     {site}/admin/   (make a user: .venv/bin/python manage.py createsuperuser)\n"
        f"  Redis     {redis.url}   ({redis.origin})\n"
        "\n  Ctrl-C stops everything.\n",
        flush=True,
    )


def _port_problem(host: str, port: int) -> str | None:
    """Why the web server could not listen there; None if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return os.strerror(error.errno).lower() if error.errno else str(error)
    return None


def _fail(message: str) -> int:
    print(f"make run: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
