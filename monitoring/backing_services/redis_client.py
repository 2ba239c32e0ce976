"""The way to Redis: bounded in time, closed for a while after a failure, back by itself."""

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError

if TYPE_CHECKING:
    from redis import Redis

PAUSE_SECONDS = 2.0

T = TypeVar("T")


class RedisStore:
    """A client that never waits longer than `timeout` seconds for a connection or an answer."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._closed_until = float("-inf")
        self._client: Redis | None = None
        self._lock = threading.Lock()

    def run(self, operation: "Callable[[Redis], T]") -> T:
        """The operation's result. Raises RedisUnavailableError."""
        if monotonic() < self._closed_until:
            raise RedisUnavailableError("Redis did not answer a moment ago")
        # Imported here: Redis is optional, and most processes never come here.
        from redis.exceptions import RedisError  # noqa: PLC0415

        try:
            return operation(self._connected())
        except (RedisError, OSError) as error:
            self._closed_until = monotonic() + PAUSE_SECONDS
            # The kind alone: the text of an error may show the URL with its password.
            raise RedisUnavailableError(f"Redis: {type(error).__name__}") from None

    def _connected(self) -> "Redis":
        with self._lock:
            if self._client is None:
                from redis import Redis  # noqa: PLC0415
                from redis.backoff import NoBackoff  # noqa: PLC0415
                from redis.retry import Retry  # noqa: PLC0415

                self._client = Redis.from_url(
                    self._url,
                    socket_connect_timeout=self._timeout,
                    socket_timeout=self._timeout,
                    retry=Retry(NoBackoff(), 0),
                    decode_responses=True,
                )
            return self._client


def is_installed() -> bool:
    """Whether there is a client for Redis: the extra `redis`."""
    return find_spec("redis") is not None


def no_redis_reason() -> str:
    """Why `redis_store` gives none."""
    return "redis-py is not installed" if get_settings().REDIS_URL else "REDIS_URL is not set"


def redis_store(timeout: float) -> RedisStore | None:
    """This process's store with this timeout in seconds; None without REDIS_URL or a client."""
    url = get_settings().REDIS_URL
    return _store_of(url, timeout, os.getpid()) if url else None


@lru_cache(maxsize=4)
def _store_of(url: str, timeout: float, pid: int) -> RedisStore | None:
    return RedisStore(url, timeout) if is_installed() else None
