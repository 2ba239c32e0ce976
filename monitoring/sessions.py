"""Active sessions of all workers and hosts: keyed hashes in a sorted set, by time of last use.

The time is Redis's own, so that hosts whose clocks differ agree.
"""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.crypto import salted_hmac

from monitoring.conf import get_settings
from monitoring.redis_store import RedisUnavailableError, no_redis_reason, redis_store

if TYPE_CHECKING:
    from redis import Redis

ACTIVE_SECONDS = 30 * 60
WRITE_SECONDS = 1.0  # in a thread of its own
READ_SECONDS = 0.1
_MOST = 1_000_000  # members, some 100 MB in Redis


def hash_of(kind: str, identity: str) -> str:
    """Tells sessions (or users) apart without telling which; the same on every host."""
    digest = salted_hmac(f"monitoring.sessions.{kind}", identity, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()


def touch(hashes: Sequence[str]) -> None:
    """They are active now. Raises RedisUnavailableError."""
    redis = redis_store(WRITE_SECONDS)
    if redis is not None and hashes:
        redis.run(lambda client: _touch(client, hashes))


def count_active() -> tuple[int | None, str | None]:
    """How many were active in the last 30 minutes; or None, and why."""
    redis = redis_store(READ_SECONDS)
    if redis is None:
        return None, no_redis_reason()
    try:
        return redis.run(_count), None
    except RedisUnavailableError:
        return None, "Redis does not answer"


def _touch(client: "Redis", hashes: Sequence[str]) -> None:
    key = _key()
    now = _now(client)
    pipeline = client.pipeline(transaction=False)
    pipeline.zadd(key, dict.fromkeys(hashes, now))
    pipeline.zremrangebyscore(key, "-inf", now - ACTIVE_SECONDS)
    pipeline.zremrangebyrank(key, 0, -_MOST - 1)
    pipeline.expire(key, 2 * ACTIVE_SECONDS)
    pipeline.execute()


def _count(client: "Redis") -> int:
    return client.zcount(_key(), _now(client) - ACTIVE_SECONDS, "+inf")


def _now(client: "Redis") -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def _key() -> str:
    return f"{get_settings().REDIS_PREFIX}sessions"
