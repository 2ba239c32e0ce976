"""A real Redis of the test's own that can be stopped, paused and started again."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.servers.ports import free_port, wait_for
from tests.servers.prometheus import program


@dataclass
class RedisServer:
    """`process` is None while it is stopped; what it held is gone with it."""

    port: int
    work: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @contextlib.contextmanager
    def client(self) -> Iterator[Redis]:
        with Redis.from_url(self.url, decode_responses=True) as client:
            yield client

    def start(self) -> None:
        with (self.work / "redis.log").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--save", "", "--dir", str(self.work)),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_for("Redis", self._answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except Exception as error:
            raise OSError from error


@contextlib.contextmanager
def run_redis(work: Path) -> Iterator[RedisServer]:
    """On a free port, empty, in memory."""
    work.mkdir(parents=True, exist_ok=True)
    server = RedisServer(free_port(), work)
    server.start()
    try:
        yield server
    finally:
        server.stop()
