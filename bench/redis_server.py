"""Runs a Redis server for the variant that needs one."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from bench.variants import REDIS_ARRAYS
from project.run.redis_choice import choose


@contextmanager
def redis_for(variants: Sequence[str]) -> Iterator[None]:
    """Run Redis and set BENCH_REDIS_URL, if one of the variants needs it."""
    if REDIS_ARRAYS not in variants:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as directory:
        chosen = choose("", Path(directory))
        assert chosen.command is not None
        server = subprocess.Popen(chosen.command, stdout=subprocess.DEVNULL)
        try:
            _wait(Redis.from_url(chosen.url))
            os.environ["BENCH_REDIS_URL"] = chosen.url
            yield
        finally:
            server.terminate()
            server.wait(10)


def _wait(client: Redis) -> None:
    late = time.monotonic() + 10
    while True:
        try:
            client.ping()
        except NoConnection:
            if time.monotonic() > late:
                raise
            time.sleep(0.05)
        else:
            return
