"""Clients for Redis with time limits; after a failure, a store refuses calls for two seconds."""

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
WRITE_SECONDS = 1.0  # the time limit of a background thread
READ_SECONDS = 0.1  # the time limit of a request or a scrape, which waits for the answer

T = TypeVar("T")


def redis_client(url: str, seconds: float) -> "Redis":
    """A new client that waits at most `seconds` for a connection or an answer, and never retries.

    It connects with its first command. Raises RedisUnavailableError if redis-py is not installed
    or the URL is not usable.
    """
    try:
        # Imported here: redis-py is optional, and most processes never need it.
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
        raise RedisUnavailableError("the package redis is not installed") from None
    except ValueError as error:
        # Only the type: the error's text may contain the URL with its password.
        raise RedisUnavailableError(type(error).__name__) from None


class RedisStore:
    """A client that, after a failure, fails at once for PAUSE_SECONDS instead of waiting again."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` is in seconds, for each connection and each answer."""
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


def has_redis_py() -> bool:
    """Whether redis-py (the extra `redis`) is installed."""
    return find_spec("redis") is not None


def no_redis_reason() -> str:
    """Why `redis_store` returns None."""
    return "redis-py is not installed" if get_settings().REDIS_URL else "REDIS_URL is not set"


def redis_store(timeout: float) -> RedisStore | None:
    """This process's store with this timeout in seconds; None without REDIS_URL or redis-py."""
    url = get_settings().REDIS_URL
    return _store_of(url, timeout) if url else None


@per_process
def _store_of(url: str, timeout: float) -> RedisStore | None:
    return RedisStore(url, timeout) if has_redis_py() else None
