"""A real Redis of the test's own that can be stopped, paused and started again."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
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
    options: Sequence[str] = ()
    password: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @contextlib.contextmanager
    def client(self) -> Iterator[Redis]:
        with Redis.from_url(
            self.url, decode_responses=True, password=self.password or None
        ) as client:
            yield client

    def start(self) -> None:
        with (self.work / "redis.log").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--save", "", "--dir", str(self.work)),
                    *(("--requirepass", self.password) if self.password else ()),
                    *self.options,
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
def run_redis(work: Path, *options: str, password: str = "") -> Iterator[RedisServer]:
    """On a free port, empty, in memory; `options` are those of `redis-server`."""
    work.mkdir(parents=True, exist_ok=True)
    server = RedisServer(free_port(), work, options, password)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def run_sentinel(work: Path, configuration: Path) -> Iterator[int]:
    """A Sentinel of Redis; gives its port."""
    port = free_port()
    with (work / "sentinel.log").open("ab") as output:
        process = subprocess.Popen(
            [program("redis-server"), str(configuration), "--sentinel", "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for("the Sentinel", RedisServer(port, work)._answers)
        yield port
    finally:
        process.kill()
        process.wait(10)
