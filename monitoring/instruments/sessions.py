"""Notes whose requests these are: at most once in 30 s for each session, with no I/O here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from time import monotonic
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils.functional import LazyObject

from monitoring import redis_store, sessions
from monitoring.conf import get_settings
from monitoring.instruments.background import Background
from monitoring.self_report import report_error

TOUCH_SECONDS = 30.0
_MOST = 50_000  # sessions remembered; more than these in 30 s are not noted
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
        if len(self._touched) >= _MOST and not self._make_room(now):
            return
        self._touched[name] = now
        if not self._background.put(seen):
            self._touched.pop(name, None)

    def _make_room(self, now: float) -> bool:
        fresh = {k: t for k, t in self._touched.copy().items() if now < t + TOUCH_SECONDS}
        self._touched = fresh
        return len(fresh) < _MOST

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
            sessions.touch([sessions.hash_of(seen.kind, seen.identity) for seen in active])
        except redis_store.RedisUnavailableError:
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
    if not (get_settings().REDIS_URL and redis_store.is_installed()):
        return None
    # Here, before the first request: later, its import would share the processor with requests.
    import_module("redis")
    return SessionWatch()
