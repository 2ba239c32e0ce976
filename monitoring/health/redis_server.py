"""Whether Redis takes, gives back and deletes a key."""

import secrets

from monitoring.conf import get_settings
from monitoring.health.examiner import CheckError
from monitoring.health.findings import Finding, Status

_TTL_SECONDS = 10  # of a key that could not be deleted

WORKS = Finding(Status.HEALTHY, "Redis answers.")
NO_ANSWER = Finding(Status.UNHEALTHY, "Redis does not answer.")
REFUSED = Finding(Status.UNHEALTHY, "Redis does not keep what it is given.")
NOT_CONFIGURED = Finding(Status.DISABLED, "Not configured.")


def probe_redis(seconds: float, last: Finding | None) -> Finding:
    """With a connection of its own: a pool may be full of broken ones, or exhausted."""
    settings = get_settings()
    if not settings.REDIS_URL:
        return NOT_CONFIGURED
    key, value = f"{settings.REDIS_PREFIX}health:{secrets.token_hex(8)}", secrets.token_hex(8)
    try:
        from redis import Redis  # noqa: PLC0415  (optional)
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        with Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=seconds,
            socket_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        ) as client:
            client.set(key, value, ex=_TTL_SECONDS)
            kept = client.get(key)
            client.delete(key)
    except Exception as error:
        raise CheckError(NO_ANSWER) from error
    return WORKS if kept == value else REFUSED
