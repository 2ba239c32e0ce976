"""A PostgreSQL cluster of our own, thrown away afterwards."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.ports import free_port, wait_for


def program(name: str) -> str:
    """Debian keeps them out of PATH, by version."""
    found = [*map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))]
    path = found[-1] if found else shutil.which(name)
    assert path is not None, f"{name} is not installed: run `make test`, which installs it"
    return path


@dataclass
class PostgreSQL:
    """A running server; `url` is a DATABASE_URL for it."""

    launch: Callable[[], "subprocess.Popen[bytes]"]
    port: int
    log: Path
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> None:
        """On the data that it had."""
        self.process = self.launch()
        wait_for(f"PostgreSQL ({self.log})", self._is_ready)

    def kill(self) -> None:
        """At once, with all its backends."""
        self.send(signal.SIGKILL)
        self.process.wait(20)

    @property
    def url(self) -> str:
        return f"postgres://postgres:a-password@127.0.0.1:{self.port}/postgres"

    def send(self, number: signal.Signals) -> None:
        """Signal the server and all its backends."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [self.process.pid, *(int(pid) for pid in children.read_text().split())]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _is_ready(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.sql("SELECT 1") == "1"
        assert self.process.poll() is None, self.log.read_text()
        return False

    def sql(self, statement: str) -> str:
        """What psql prints for a statement."""
        done = subprocess.run(
            [program("psql"), "-XAtc", statement, self.url.replace("postgres:", "postgresql:", 1)],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout.strip()


@contextlib.contextmanager
def run_postgresql(*options: str) -> Iterator[PostgreSQL]:
    """A server on a free port, with a few connections, which does not care for its disk."""
    # Not below pytest's directories: they are closed to the user that the server runs as.
    work = Path(tempfile.mkdtemp(prefix="monitoring-postgresql-"))
    user = {"user": "postgres", "group": "postgres", "extra_groups": ()} if is_root() else {}
    if user:
        shutil.chown(work, "postgres", "postgres")
    try:
        secret = work / "password"
        secret.write_text("a-password")
        secret.chmod(0o644)
        subprocess.run(
            [
                *(program("initdb"), "--no-sync", "--username=postgres", "--encoding=UTF8"),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--locale=C", str(work / "data")),
            ],
            check=True,
            capture_output=True,
            cwd=work,
            **user,  # type: ignore[call-overload]
        )
        port = free_port()
        log = work / "postgresql.log"

        def launch() -> "subprocess.Popen[bytes]":
            with log.open("ab") as output:
                process: subprocess.Popen[bytes] = subprocess.Popen(
                    [
                        *(program("postgres"), "-D", str(work / "data"), "-p", str(port)),
                        *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                        *("-c", "fsync=off", "-c", "max_connections=40"),
                        *(part for option in options for part in ("-c", option)),
                    ],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=work,
                    start_new_session=True,
                    **user,  # type: ignore[call-overload]
                )
            return process

        server = PostgreSQL(launch, port, log)
        try:
            server.start()
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                server.send(signal.SIGCONT)
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait(20)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def is_root() -> bool:
    return os.geteuid() == 0
