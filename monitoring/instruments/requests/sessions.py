"""Records each active session in Redis, at most every 30 s, and counts those of all hosts.

`count_active`, which the reading side calls, stays beside the writer: the set has one home.
"""

import base64
import re
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
from monitoring.primitives.one_thread import NO_THREADS, threads_run
from monitoring.storage.self_report import report_error

if TYPE_CHECKING:
    from redis import Redis

ACTIVE_SECONDS = 30 * 60
TOUCH_SECONDS = 30.0

_MAX_MEMBERS = 1_000_000  # of the sorted set in Redis: some 100 MB
_MAX_REMEMBERED = 50_000  # of some 250 bytes; the oldest give way
_MAX_WAITING = 5_000
_MAX_LOADS = 100  # sessions that are loaded from the session store in a second
_MAX_KEY = 128  # characters; a longer key is not a key but the session itself, in a cookie
# What a session store can have given out; browsers keep no longer cookie.
_KEY = re.compile(r"[!-~]{8,4096}", re.ASCII)
_KEYED_STORES = frozenset(
    f"django.contrib.sessions.backends.{name}" for name in ("cache", "cached_db", "db", "file")
)


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


class _Recent:
    """Names with a time, the newer half of the allowed number at least. Each step is a look-up.

    Thread-safe: a race only forgets some names early.
    """

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._new: dict[str, float] = {}
        self._old: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def time_of(self, name: str) -> float:
        """Minus infinity for an unknown name."""
        return self._new.get(name) or self._old.get(name, float("-inf"))

    def set(self, name: str, time: float) -> None:
        if len(self._new) >= self._half:
            self._old, self._new = self._new, {}
        self._new[name] = time

    def forget(self, name: str) -> None:
        self._new.pop(name, None)
        self._old.pop(name, None)


class SessionWatch:
    """Records which sessions are active. Thread-safe: a race only records a session twice."""

    def __init__(self) -> None:
        self._touched = _Recent(_MAX_REMEMBERED)
        self._loads_left = float(_MAX_LOADS)
        self._loads_counted = monotonic()
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
        if now < self._touched.time_of(name) + TOUCH_SECONDS:
            return
        self._touched.set(name, now)
        # A full queue is not counted as a drop: the session's next request tries again.
        if not self._background.put(seen, dropped_as=None):
            self._touched.forget(name)

    def _record(self, batch: Sequence[_Seen]) -> None:
        """Work of the background thread."""
        self._send([(seen, seen.identity) for seen in batch if seen.is_known])
        unknown = [seen for seen in batch if not seen.is_known]
        count = self._take_loads(len(unknown))
        for seen in unknown[count:]:  # their next request tries again
            self._touched.forget(seen.name)
        if unknown := unknown[:count]:
            logged_in, unread = _logged_in([seen.identity for seen in unknown])
            self._send(
                [(seen, logged_in[seen.identity]) for seen in unknown if seen.identity in logged_in]
            )
            for seen in unknown:
                if seen.identity in unread:
                    self._touched.forget(seen.name)

    def _take_loads(self, wanted: int) -> int:
        """How many of the wanted look-ups may be done now."""
        now = monotonic()
        earned = (now - self._loads_counted) * _MAX_LOADS
        self._loads_left = min(self._loads_left + earned, float(_MAX_LOADS))
        self._loads_counted = now
        taken = min(wanted, int(self._loads_left))
        self._loads_left -= taken
        return taken

    def _send(self, active: Sequence[tuple[_Seen, str]]) -> None:
        """Mark these as active, each under its identity."""
        try:
            touch([hash_of(seen.kind, identity) for seen, identity in active])
        except RedisUnavailableError:
            for seen, _ in active:  # their next request tries again
                self._touched.forget(seen.name)


def _bearer(request: HttpRequest) -> _Seen | None:
    """The user of an Authorization header, if the view has authenticated it."""
    user = request.__dict__.get("user")
    if "HTTP_AUTHORIZATION" not in request.META or user is None or isinstance(user, LazyObject):
        return None
    return _Seen("user", str(user.pk), is_known=True) if user.is_authenticated else None


def _session(request: HttpRequest) -> _Seen | None:
    session: Any = getattr(request, "session", None)
    key = getattr(session, "session_key", None)
    if not key or not _may_be_key(key, type(session)):
        return None
    loaded = getattr(session, "__dict__", {}).get("_session_cache")
    if loaded is None:
        return _Seen("session", key, is_known=False)
    if SESSION_KEY not in loaded:
        return None
    return _Seen("session", _identity(key, loaded), is_known=True)


def _may_be_key(key: str, store: type) -> bool:
    """Whether this store can have given the key out. It is a client's: a look-up costs a query."""
    return _KEY.fullmatch(key) is not None and (len(key) <= _MAX_KEY or not _is_keyed(store))


@cache
def _is_keyed(store: type) -> bool:
    """Whether the sessions are kept under short keys by one of Django's stores."""
    return any(cls.__module__ in _KEYED_STORES for cls in store.__mro__)


def _identity(key: str, session: Mapping[str, Any]) -> str:
    """The key; the user, if the key holds the session and so changes whenever it is saved."""
    return key if len(key) <= _MAX_KEY else f"user {session[SESSION_KEY]}"


def _logged_in(keys: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """The identities of logged-in users' sessions by key, and the keys that were not looked up.

    Runs in the background thread. A key that the store cannot take costs only itself.
    """
    from django.conf import settings  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415
    from django.db.utils import InterfaceError, OperationalError  # noqa: PLC0415

    store = import_module(settings.SESSION_ENGINE).SessionStore
    found: dict[str, str] = {}
    unread = dict.fromkeys(keys)
    try:
        for key in tuple(unread):
            try:
                session = store(key).load()
                if SESSION_KEY in session:
                    found[key] = _identity(key, session)
            except (InterfaceError, OperationalError, OSError):  # of the store, not of the key
                report_error("sessions could not be looked up")
                break
            except Exception:
                report_error("a session could not be looked up")
                connections.close_all()  # perhaps in a broken transaction
            del unread[key]
    finally:
        connections.close_all()  # this thread's own
    return found, set(unread)


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
    if not threads_run():
        return None, NO_THREADS
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
