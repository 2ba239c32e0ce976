"""What Redis tells about itself."""

import threading
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings

from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError

_REDIS_BACKENDS = ("redis", "valkey")


@dataclass(frozen=True, slots=True)
class RedisInfo:
    """Of `INFO`: https://redis.io/docs/latest/commands/info/."""

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
    """The servers in the settings: by cache alias, and MONITORING's REDIS_URL if it is another."""
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
    try:
        import redis  # noqa: PLC0415  (an extra)
    except ImportError:
        raise RedisUnavailableError("the package redis is not installed") from None
    answers: list[Any] = []

    def work() -> None:
        # A timeout of the client is one for each step; the thread makes it one for all.
        try:
            client = redis.Redis.from_url(
                url, socket_connect_timeout=seconds, socket_timeout=seconds, retry=None
            )
            with client:
                answers.append(client.info())
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=work, name="monitoring-redis", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise RedisUnavailableError(f"no answer within {seconds:g} s")
    (answer,) = answers
    if isinstance(answer, Exception):
        raise RedisUnavailableError(type(answer).__name__) from answer
    figures: dict[str, Any] = {name: int(answer.get(key, 0)) for name, key in _FIELDS.items()}
    return RedisInfo(**figures, version=str(answer.get("redis_version", "")))
