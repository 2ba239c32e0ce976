"""Records each active session in Redis, at most every 30 s, and counts those of all hosts.

`count_active`, which the reading side calls, stays beside the writer: the set has one home.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.functional import LazyObject

from monitoring.backing_services.redis_client import (
    READ_SECONDS,
    WRITE_SECONDS,
    has_redis_py,
    no_redis_reason,
    redis_store,
)
from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.instruments.background import Background
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error

if TYPE_CHECKING:
    from redis import Redis

ACTIVE_SECONDS = 30 * 60
TOUCH_SECONDS = 30.0

_MAX_MEMBERS = 1_000_000  # of the sorted set in Redis: some 100 MB
_MAX_REMEMBERED = 50_000  # further sessions within 30 s are not recorded
_MAX_WAITING = 5_000
_MAX_LOADS = 100  # sessions that one batch loads from the session store
_MAX_KEY = 128  # characters; a longer key is not a key but the session itself, in a cookie


@dataclass(frozen=True, slots=True)
class _Seen:
    """A session or a user. `is_known` says that it is known to be logged in."""

    kind: str
    identity: str
    is_known: bool

    @property
    def name(self) -> str:
        """What it is remembered by; short, because a cookie has up to 4 KB."""
        identity = self.identity
        if len(identity) > _MAX_KEY:
            identity = sha256(identity.encode()).hexdigest()
        return self.kind + identity


class SessionWatch:
    """Records which sessions are active. Thread-safe: a race only records a session twice."""

    def __init__(self) -> None:
        self._touched: dict[str, float] = {}
        self._background: Background[_Seen] = Background(
            "monitoring-sessions", self._record, _MAX_WAITING
        )

    def note(self, request: HttpRequest) -> None:
        """Takes microseconds: reads only what the request itself has loaded. Never raises."""
        if "HTTP_COOKIE" not in request.META and "HTTP_AUTHORIZATION" not in request.META:
            return
        try:
            self._note(request)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a session could not be recorded")

    def _note(self, request: HttpRequest) -> None:
        seen = _bearer(request) or _session(request)
        if seen is None:
            return
        now = monotonic()
        name = seen.name
        if now < self._touched.get(name, float("-inf")) + TOUCH_SECONDS:
            return
        if len(self._touched) >= _MAX_REMEMBERED and not self._make_room(now):
            return
        self._touched[name] = now
        # A full queue is not counted as a drop: the session's next request tries again.
        if not self._background.put(seen, dropped_as=None):
            self._touched.pop(name, None)

    def _make_room(self, now: float) -> bool:
        fresh = {k: t for k, t in self._touched.copy().items() if now < t + TOUCH_SECONDS}
        self._touched = fresh
        return len(fresh) < _MAX_REMEMBERED

    def _record(self, batch: Sequence[_Seen]) -> None:
        """Work of the background thread."""
        self._send([(seen, seen.identity) for seen in batch if seen.is_known])
        unknown = [seen for seen in batch if not seen.is_known]
        for seen in unknown[_MAX_LOADS:]:  # their next request tries again
            self._touched.pop(seen.name, None)
        if unknown := unknown[:_MAX_LOADS]:
            logged_in = _logged_in([seen.identity for seen in unknown])
            self._send(
                [(seen, logged_in[seen.identity]) for seen in unknown if seen.identity in logged_in]
            )

    def _send(self, active: Sequence[tuple[_Seen, str]]) -> None:
        """Mark these as active, each under its identity."""
        try:
            touch([hash_of(seen.kind, identity) for seen, identity in active])
        except RedisUnavailableError:
            for seen, _ in active:  # their next request tries again
                self._touched.pop(seen.name, None)


def _bearer(request: HttpRequest) -> _Seen | None:
    """The user of an Authorization header, if the view has authenticated it."""
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
    if SESSION_KEY not in loaded:
        return None
    return _Seen("session", _identity(key, loaded), is_known=True)


def _identity(key: str, session: Mapping[str, Any]) -> str:
    """The key; the user, if the key holds the session and so changes whenever it is saved."""
    return key if len(key) <= _MAX_KEY else f"user {session[SESSION_KEY]}"


def _logged_in(keys: Sequence[str]) -> dict[str, str]:
    """The identities of logged-in users' sessions by key. Runs in the background thread."""
    from django.conf import settings  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    store = import_module(settings.SESSION_ENGINE).SessionStore
    try:
        sessions = {key: store(key).load() for key in keys}
        return {k: _identity(k, data) for k, data in sessions.items() if SESSION_KEY in data}
    finally:
        connections.close_all()  # this thread's own


@cache
def session_watch() -> SessionWatch | None:
    """The watch, which a forked child goes on using; None without Redis."""
    if not (get_settings().REDIS_URL and has_redis_py()):
        return None
    # Imported before the first request: an import takes processor time from requests.
    import_module("redis")
    return SessionWatch()


def hash_of(kind: str, identity: str) -> str:
    """A keyed hash, so that Redis holds no session key and no user. Equal on every host."""
    digest = salted_hmac(f"monitoring.sessions.{kind}", identity, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()


def touch(hashes: Sequence[str]) -> None:
    """Mark these hashes as active now. Raises RedisUnavailableError."""
    redis = redis_store(WRITE_SECONDS)
    if redis is not None and hashes:
        redis.run(lambda client: _add(client, hashes))


def count_active() -> tuple[int | None, str | None]:
    """How many were active in the last 30 minutes; or None and the reason."""
    redis = redis_store(READ_SECONDS)
    if redis is None:
        return None, no_redis_reason()
    try:
        return redis.run(_count), None
    except RedisUnavailableError:
        return None, "Redis does not answer"


def _add(client: "Redis", hashes: Sequence[str]) -> None:
    key = _key()
    now = _now(client)
    pipeline = client.pipeline(transaction=False)
    pipeline.zadd(key, dict.fromkeys(hashes, now))
    pipeline.zremrangebyscore(key, "-inf", now - ACTIVE_SECONDS)
    pipeline.zremrangebyrank(key, 0, -_MAX_MEMBERS - 1)
    pipeline.expire(key, 2 * ACTIVE_SECONDS)
    pipeline.execute()


def _count(client: "Redis") -> int:
    return int(client.zcount(_key(), _now(client) - ACTIVE_SECONDS, "+inf"))


def _now(client: "Redis") -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def _key() -> str:
    return f"{get_settings().REDIS_PREFIX}sessions"
