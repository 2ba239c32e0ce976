"""A MariaDB server of our own, thrown away afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port, wait_for
from tests.servers.prometheus import program


@dataclass
class MariaDB:
    """A running server with an empty database `site`; `url` is a DATABASE_URL for it."""

    process: "subprocess.Popen[bytes]"
    port: int
    socket: Path

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/site"

    def sql(self, statement: str) -> None:
        command = [program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root"]
        subprocess.run(
            [*command, "--execute", statement], check=True, capture_output=True, timeout=20
        )


@contextlib.contextmanager
def run_mariadb() -> Iterator[MariaDB]:
    """A server on a free port which does not care for its disk."""
    work = Path(tempfile.mkdtemp(prefix="monitoring-mariadb-"))
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(work, "mysql", "mysql")
    try:
        subprocess.run(
            [
                *(program("mariadb-install-db"), "--no-defaults", *user),
                *(f"--datadir={work / 'data'}", "--auth-root-authentication-method=normal"),
            ],
            check=True,
            capture_output=True,
        )
        port, socket = free_port(), work / "socket"
        with (work / "mariadb.log").open("wb") as output:
            process = subprocess.Popen(
                [
                    *(program("mariadbd"), "--no-defaults", *user, f"--datadir={work / 'data'}"),
                    *(f"--socket={socket}", f"--port={port}", "--bind-address=127.0.0.1"),
                    "--innodb-flush-log-at-trx-commit=0",
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = MariaDB(process, port, socket)

        def ready() -> bool:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.sql("CREATE DATABASE IF NOT EXISTS site CHARACTER SET utf8mb4")
                return True
            assert process.poll() is None, (work / "mariadb.log").read_text()
            return False

        try:
            wait_for("MariaDB", ready)
            yield server
        finally:
            process.kill()
            process.wait(20)
    finally:
        shutil.rmtree(work, ignore_errors=True)
