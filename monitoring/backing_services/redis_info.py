"""Reads the figures of a Redis server from its `INFO` command."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings as django_settings

from monitoring.backing_services.redis_client import redis_client
from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.primitives.deadline import NoAnswerError, Runs
from monitoring.primitives.per_process import per_process

_REDIS_BACKENDS = ("redis", "valkey")


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


def redis_urls() -> dict[str, str]:
    """URLs of the configured servers by cache alias, and REDIS_URL if it is another server."""
    urls: dict[str, str] = {}
    for alias, configuration in django_settings.CACHES.items():
        location: Any = configuration.get("LOCATION", "")
        if isinstance(location, str):
            location = location.split(",")[0].strip()
        elif location:
            location = location[0]
        backend = str(configuration.get("BACKEND", "")).lower()
        if location and any(name in backend for name in _REDIS_BACKENDS):
            urls[alias] = str(location)
    url = get_settings().REDIS_URL
    if url and url not in urls.values():
        urls["REDIS_URL"] = url
    return urls


def redis_info(url: str, seconds: float) -> RedisInfo:
    """Ask the server. Raises RedisUnavailableError after `seconds` at the latest."""
    # The client's timeout limits each step; the thread limits all steps together.
    try:
        answer = _runs().ask(
            url, partial(_ask, url, seconds), seconds, name="monitoring-redis", shared=True
        )
    except NoAnswerError as error:
        is_ours = isinstance(error.__cause__, RedisUnavailableError)
        raise RedisUnavailableError(str(error.__cause__ if is_ours else error)) from error
    figures: dict[str, Any] = {name: int(answer.get(key, 0)) for name, key in _FIELDS.items()}
    return RedisInfo(**figures, version=str(answer.get("redis_version", "")))


def _ask(url: str, seconds: float) -> dict[str, Any]:
    with redis_client(url, seconds) as client:
        answer: dict[str, Any] = client.info()
    return answer


@per_process
def _runs() -> Runs[dict[str, Any]]:
    return Runs()
