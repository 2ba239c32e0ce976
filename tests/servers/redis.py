"""A Redis server of our own."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port, wait_for
from tests.servers.prometheus import program


@dataclass
class Redis:
    """A running server."""

    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def run_redis(work: Path) -> Iterator[Redis]:
    """A server on a free port that keeps nothing."""
    port = free_port()
    with (work / "redis.log").open("wb") as output:
        process = subprocess.Popen(
            [
                *(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"),
                *("--save", "", "--dir", str(work)),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def ready() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    try:
        wait_for("Redis", ready)
        yield Redis(process, port)
    finally:
        process.kill()
        process.wait(20)
