"""Clients for Redis with time limits; after a failure, a store refuses calls for two seconds."""

import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast

from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.primitives.deadline import NoAnswerError, Runs, cut
from monitoring.primitives.per_process import per_process

if TYPE_CHECKING:
    from redis import Redis

PAUSE_SECONDS = 2.0
WRITE_SECONDS = 1.0  # for each step of a background thread
READ_SECONDS = 0.1  # for each step of a request or a scrape, which waits for the answer

_STEPS = 5  # an operation takes no longer than so many steps: it connects, greets, asks twice

_CLIENTS = {"redis": "Redis", "valkey": "Valkey"}  # the client of each library

T = TypeVar("T")


def redis_client(url: str, seconds: float) -> "Redis":
    """A new client that waits at most `seconds` for a connection or an answer, and never retries.

    It connects with its first command. `valkey://` and `valkeys://` are taken as `redis://` and
    `rediss://`. Raises RedisUnavailableError if redis-py is not installed or the URL is not usable.
    """
    try:
        # Imported here: redis-py is optional, and most processes never need it.
        from redis import ConnectionPool  # noqa: PLC0415

        scheme, mark, rest = url.partition("://")
        scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
        return cast("Redis", client_like(ConnectionPool.from_url(scheme + mark + rest), seconds))
    except ImportError:
        raise RedisUnavailableError("the package redis is not installed") from None
    except ValueError as error:
        # Only the type: the error's text may contain the URL with its password.
        raise RedisUnavailableError(type(error).__name__) from None


def client_like(pool: Any, seconds: float) -> Any:
    """As `redis_client`, to the server of a pool of redis-py or of valkey-py.

    The client has a pool of its own and the library's own class.
    """
    names = (cls.__module__.partition(".")[0] for cls in type(pool).__mro__)
    library = import_module(next(name for name in names if name in _CLIENTS))
    retry = import_module(f"{library.__name__}.retry").Retry
    no_backoff = import_module(f"{library.__name__}.backoff").NoBackoff
    options = {
        **pool.connection_kwargs,
        "socket_connect_timeout": seconds,
        "socket_timeout": seconds,
        "retry": retry(no_backoff(), 0),
        "retry_on_timeout": False,
        "decode_responses": True,
    }
    if not _limits_connecting(pool.connection_class):
        del options["socket_connect_timeout"]
    own = library.ConnectionPool(connection_class=pool.connection_class, **options)
    client = getattr(library, _CLIENTS[library.__name__])(connection_pool=own)
    client.auto_close_connection_pool = True  # closing the client closes its connection
    client.pool_of_the_cache = pool  # a Sentinel's connections refer to it weakly
    return client


def _limits_connecting(connection: type) -> bool:
    """Whether a class of connections takes `socket_connect_timeout`; not every unix socket does."""
    constructors = (vars(cls).get("__init__") for cls in connection.__mro__[:-1])
    return any(
        "socket_connect_timeout" in signature(constructor).parameters
        for constructor in constructors
        if constructor is not None
    )


def cut_off(client: Any) -> None:
    """End the connections that other threads use, of redis-py's client or of valkey-py's."""
    for connection in tuple(getattr(client.connection_pool, "_in_use_connections", ())):
        cut(getattr(connection, "_sock", None))


class RedisStore:
    """A client that, after a failure, fails at once for PAUSE_SECONDS instead of waiting again.

    What a server says that is no answer is a failure, too.
    """

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` is in seconds, for each step of an operation, of which it has five at most."""
        self._url = url
        self._timeout = timeout
        self._closed_until = float("-inf")
        self._client: Redis | None = None
        self._lock = threading.Lock()
        self._runs: Runs[Any] = Runs()

    def run(self, operation: "Callable[[Redis], T]") -> T:
        """The operation's result, which it has checked. Raises RedisUnavailableError in time."""
        if monotonic() < self._closed_until:
            raise RedisUnavailableError("Redis did not answer a moment ago")
        client = self._connected()
        try:
            result: T = self._runs.ask(
                "redis",
                lambda: operation(client),
                _STEPS * self._timeout,
                name="monitoring-redis-store",
                cancel=lambda: cut_off(client),
            )
        except NoAnswerError as error:
            self._closed_until = monotonic() + PAUSE_SECONDS
            # Only the type, as above.
            reason = type(error.__cause__ or TimeoutError()).__name__
            raise RedisUnavailableError(f"Redis: {reason}") from None
        return result

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
