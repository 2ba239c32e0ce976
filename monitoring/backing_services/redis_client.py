"""The way to Redis: bounded in time, closed for a while after a failure, back by itself."""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.primitives.per_process import per_process

if TYPE_CHECKING:
    from redis import Redis

PAUSE_SECONDS = 2.0

T = TypeVar("T")


def redis_client(url: str, seconds: float) -> "Redis":
    """A new client: no connection or answer takes longer than `seconds`, nothing is tried twice.

    Connects with its first command. Raises RedisUnavailableError without redis-py or a usable URL.
    """
    try:
        # Imported here: Redis is optional, and most processes never come here.
        from redis import Redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        return Redis.from_url(
            url,
            socket_connect_timeout=seconds,
            socket_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
    except ImportError:
        raise RedisUnavailableError("redis-py is not installed") from None
    except ValueError as error:
        # The kind alone: the text of an error may show the URL with its password.
        raise RedisUnavailableError(f"Redis: {type(error).__name__}") from None


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
        client = self._connected()
        from redis.exceptions import RedisError  # noqa: PLC0415  (optional)

        try:
            return operation(client)
        except (RedisError, OSError) as error:
            self._closed_until = monotonic() + PAUSE_SECONDS
            raise RedisUnavailableError(f"Redis: {type(error).__name__}") from None  # as above

    def _connected(self) -> "Redis":
        with self._lock:
            if self._client is None:
                self._client = redis_client(self._url, self._timeout)
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
    return _store_of(url, timeout) if url else None


@per_process
def _store_of(url: str, timeout: float) -> RedisStore | None:
    return RedisStore(url, timeout) if is_installed() else None
