"""Active sessions: noted by each process at most once in 30 s, counted in Redis for all hosts."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.functional import LazyObject

from monitoring.backing_services.redis_client import (
    is_installed,
    no_redis_reason,
    redis_store,
)
from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.instruments.background import Background
from monitoring.storage.self_report import report_error

if TYPE_CHECKING:
    from redis import Redis

ACTIVE_SECONDS = 30 * 60
TOUCH_SECONDS = 30.0
WRITE_SECONDS = 1.0  # in a thread of its own
READ_SECONDS = 0.1
_MOST_MEMBERS = 1_000_000  # of the set in Redis: some 100 MB
_MOST_REMEMBERED = 50_000  # more sessions than these in 30 s are not noted
_WAITING = 5_000
_LOADS = 100  # sessions looked up for a batch


@dataclass(frozen=True, slots=True)
class _Seen:
    """A session or a user, and whether it is known to be logged in."""

    kind: str
    identity: str
    is_known: bool


class SessionWatch:
    """Used by all threads of a process; a race costs a second touch."""

    def __init__(self) -> None:
        self._touched: dict[str, float] = {}
        self._background: Background[_Seen] = Background(
            "monitoring-sessions", self._touch, _WAITING
        )

    def note(self, request: HttpRequest) -> None:
        """Microseconds; reads nothing that the request has not read itself. Never raises."""
        if "HTTP_COOKIE" not in request.META and "HTTP_AUTHORIZATION" not in request.META:
            return
        try:
            self._note(request)
        except Exception:
            report_error("a session could not be noted")

    def _note(self, request: HttpRequest) -> None:
        seen = _bearer(request) or _session(request)
        if seen is None:
            return
        now = monotonic()
        name = seen.kind + seen.identity
        if now < self._touched.get(name, float("-inf")) + TOUCH_SECONDS:
            return
        if len(self._touched) >= _MOST_REMEMBERED and not self._make_room(now):
            return
        self._touched[name] = now
        # Nothing is lost by a full queue, so nothing is counted: the next request tries again.
        if not self._background.put(seen, dropped_as=None):
            self._touched.pop(name, None)

    def _make_room(self, now: float) -> bool:
        fresh = {k: t for k, t in self._touched.copy().items() if now < t + TOUCH_SECONDS}
        self._touched = fresh
        return len(fresh) < _MOST_REMEMBERED

    def _touch(self, batch: Sequence[_Seen]) -> None:
        self._send([seen for seen in batch if seen.is_known])
        unknown = [seen for seen in batch if not seen.is_known]
        for seen in unknown[_LOADS:]:  # with their next request
            self._touched.pop(seen.kind + seen.identity, None)
        if unknown := unknown[:_LOADS]:
            logged_in = _logged_in([seen.identity for seen in unknown])
            self._send([seen for seen in unknown if seen.identity in logged_in])

    def _send(self, active: Sequence[_Seen]) -> None:
        try:
            touch([hash_of(seen.kind, seen.identity) for seen in active])
        except RedisUnavailableError:
            for seen in active:  # with their next request they are touched again
                self._touched.pop(seen.kind + seen.identity, None)


def _bearer(request: HttpRequest) -> _Seen | None:
    """The user that an Authorization header stands for, as the view has found out."""
    user = request.__dict__.get("user")
    if "HTTP_AUTHORIZATION" not in request.META or user is None or isinstance(user, LazyObject):
        return None
    return _Seen("user", str(user.pk), is_known=True) if user.is_authenticated else None


def _session(request: HttpRequest) -> _Seen | None:
    session: Any = getattr(request, "session", None)
    key = getattr(session, "session_key", None)
    if not key:
        return None
    loaded = getattr(session, "__dict__", {}).get("_session_cache")
    if loaded is None:
        return _Seen("session", key, is_known=False)
    return _Seen("session", key, is_known=True) if SESSION_KEY in loaded else None


def _logged_in(keys: Sequence[str]) -> set[str]:
    """Those of the session keys that belong to somebody; in the background."""
    from django.conf import settings  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    store = import_module(settings.SESSION_ENGINE).SessionStore
    try:
        return {key for key in keys if SESSION_KEY in store(key).load()}
    finally:
        connections.close_all()  # this thread's own


@cache
def session_watch() -> SessionWatch | None:
    """This process's watch; None without Redis."""
    if not (get_settings().REDIS_URL and is_installed()):
        return None
    # Here, before the first request: later, its import would share the processor with requests.
    import_module("redis")
    return SessionWatch()


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
    pipeline.zremrangebyrank(key, 0, -_MOST_MEMBERS - 1)
    pipeline.expire(key, 2 * ACTIVE_SECONDS)
    pipeline.execute()


def _count(client: "Redis") -> int:
    return client.zcount(_key(), _now(client) - ACTIVE_SECONDS, "+inf")


def _now(client: "Redis") -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def _key() -> str:
    return f"{get_settings().REDIS_PREFIX}sessions"
