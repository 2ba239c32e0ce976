"""Asks the Redis servers of the project's caches for their `INFO`, by the caches' own clients."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.conf import settings as django_settings
from django.core.cache import caches

from monitoring.backing_services.redis_client import client_like, cut_off, redis_client
from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.primitives.deadline import NoAnswerError, Runs
from monitoring.primitives.per_process import per_process

_REDIS_BACKENDS = ("redis", "valkey")
_MAX_SERVERS = 16  # each may take the whole deadline


@dataclass(frozen=True, slots=True)
class RedisInfo:
    """Fields of `INFO`: https://redis.io/docs/latest/commands/info/."""

    used_memory_bytes: int
    used_memory_peak_bytes: int
    connected_clients: int
    total_commands_processed: int
    evicted_keys: int
    expired_keys: int
    uptime_seconds: int
    version: str


_FIELDS = {
    "used_memory_bytes": "used_memory",
    "used_memory_peak_bytes": "used_memory_peak",
    "connected_clients": "connected_clients",
    "total_commands_processed": "total_commands_processed",
    "evicted_keys": "evicted_keys",
    "expired_keys": "expired_keys",
    "uptime_seconds": "uptime_in_seconds",
}


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server to ask. `connect` makes a client with a time limit in seconds and opens nothing."""

    name: str
    connect: Callable[[float], Any] = field(repr=False)


def redis_servers() -> list[RedisServer]:
    """The servers of each cache alias, and the one of REDIS_URL if no cache uses it.

    The second server of an alias is called `alias:2`, and so on.
    """
    servers: list[RedisServer] = []
    addresses: set[object] = set()
    for alias, configuration in django_settings.CACHES.items():
        try:
            found = _clients(alias, configuration)
        except Exception as error:  # of the cache's configuration: the error may quote a password
            found = [partial(_refuse, type(error).__name__)]
        for number, connect in enumerate(found, 1):
            servers.append(RedisServer(alias if number == 1 else f"{alias}:{number}", connect))
            addresses.add(_address(connect))
    url = get_settings().REDIS_URL
    ours: Callable[[float], Any] = partial(redis_client, url)
    if url and (not servers or _address(ours) not in addresses):
        servers.insert(_MAX_SERVERS - 1, RedisServer("REDIS_URL", ours))
    return servers[:_MAX_SERVERS]


def redis_info(server: RedisServer, seconds: float) -> RedisInfo:
    """Ask the server. Raises RedisUnavailableError after `seconds` at the latest."""
    # The client's timeout limits each step; the thread limits all steps together, and those of a
    # Sentinel, whose clients have the project's own timeouts.
    opened: list[Any] = []

    def cancel() -> None:
        for client in tuple(opened):
            cut_off(client)

    try:
        return _runs().ask(
            server.name,
            partial(_ask, server, seconds, opened),
            seconds,
            name="monitoring-redis",
            shared=True,
            cancel=cancel,
        )
    except NoAnswerError as error:
        is_ours = isinstance(error.__cause__, RedisUnavailableError)
        raise RedisUnavailableError(str(error.__cause__ if is_ours else error)) from error


def _ask(server: RedisServer, seconds: float, opened: list[Any]) -> RedisInfo:
    with server.connect(seconds) as client:
        opened.append(client)
        answer: dict[str, Any] = client.info()
    figures: dict[str, Any] = {name: int(answer.get(key, 0)) for name, key in _FIELDS.items()}
    return RedisInfo(**figures, version=str(answer.get("redis_version", "")))


def _clients(alias: str, configuration: dict[str, Any]) -> list[Callable[[float], Any]]:
    """What connects to each server of a cache; [] if it is not in Redis.

    The pools of the cache's client know passwords, certificates and Sentinels, wherever the
    project configures them. Each question has a connection of its own: the cache's pool may be
    exhausted, and its timeouts are the project's.
    """
    cache = caches[alias]
    # A project's own class may derive from one for Redis.
    if not any(_may_be_redis(f"{c.__module__}.{c.__qualname__}") for c in type(cache).__mro__):
        return []
    try:
        pools = list(_pools(cache))
    except (AttributeError, NotImplementedError):
        pools = []
    if pools:
        return [partial(client_like, pool) for pool in pools]
    return [partial(redis_client, url) for url in _locations(configuration)]


def _may_be_redis(path: str) -> bool:
    return any(name in path.lower() for name in _REDIS_BACKENDS)


def _pools(cache: Any) -> Iterator[Any]:
    """The connection pools of django-redis's and django-valkey's clients, else of Django's."""
    client = getattr(cache, "client", None)
    if client is not None and hasattr(client, "_serverdict"):  # the sharded client
        for server in client._serverdict.values():
            yield server.connection_pool
    elif client is not None:
        for index in range(len(client._server)):
            yield client.connect(index).connection_pool
    else:
        client = cache._cache
        for url in client._servers:
            yield client._pool_class.from_url(url, **client._pool_options)


def _locations(configuration: dict[str, Any]) -> list[str]:
    """The URLs of a cache whose client is unknown."""
    location: Any = configuration.get("LOCATION") or ()
    if isinstance(location, str):
        location = location.split(",")
    return [str(url).strip() for url in location if str(url).strip()]


def _address(connect: Callable[[float], Any]) -> object:
    """What tells a server and its database from others; its client if that is unknown."""
    try:
        kwargs = connect(1.0).connection_pool.connection_kwargs
    except Exception:
        return connect
    keys = ("host", "port", "path", "db", "connection_pool")
    defaults = {"port": 6379, "db": 0} if kwargs.get("host") else {"db": 0}
    return tuple(str(kwargs.get(key) or defaults.get(key)) for key in keys)


def _refuse(reason: str, seconds: float) -> Any:
    raise RedisUnavailableError(reason)


@per_process
def _runs() -> Runs[RedisInfo]:
    return Runs()
