"""Where slow requests are kept: a capped stream in Redis for all hosts, else this host's file."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from monitoring.conf import get_settings
from monitoring.redis_store import RedisUnavailableError, redis_store
from monitoring.slow_requests import file
from monitoring.slow_requests.details import SlowRequest

if TYPE_CHECKING:
    from redis import Redis

KEPT = 100
WRITE_SECONDS = 1.0  # in a thread of its own
READ_SECONDS = 0.1


def keep(directory: Path, requests: Sequence[SlowRequest]) -> None:
    """In Redis; in the file if there is none or it does not answer. Raises OSError."""
    redis = redis_store(WRITE_SECONDS)
    if redis is not None:
        try:
            redis.run(lambda client: _send(client, requests))
            return
        except RedisUnavailableError:
            pass
    file.add(directory, requests)


def last(directory: Path, count: int) -> list[SlowRequest]:
    """The newest first, from both places: while Redis was away the file had them.

    By the time they ended: each process writes its own a little later.
    """
    found = file.read(directory)
    redis = redis_store(READ_SECONDS)
    if redis is not None:
        with contextlib.suppress(RedisUnavailableError):
            found += redis.run(_fetch)
    return sorted(found, key=lambda request: request.timestamp, reverse=True)[:count]


def _send(client: "Redis", requests: Sequence[SlowRequest]) -> None:
    pipeline = client.pipeline(transaction=False)
    for request in requests:
        pipeline.xadd(_key(), {"request": request.encode()}, maxlen=KEPT, approximate=False)
    pipeline.execute()


def _fetch(client: "Redis") -> list[SlowRequest]:
    entries = cast(list[tuple[str, dict[str, str]]], client.xrevrange(_key(), count=KEPT))
    found = (SlowRequest.decode(fields.get("request", "")) for _, fields in entries)
    return [request for request in found if request is not None]


def _key() -> str:
    return f"{get_settings().REDIS_PREFIX}slow_requests"
