"""What of an error may go to the log: its type and text, without secrets.

Messages of database drivers, Redis and Celery may quote the URL or password that they were given.
"""

import re
import sys
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from django.conf import settings as django_settings

from monitoring.backing_services.celery_broker import celery_app
from monitoring.conf import get_settings

_MOST_CHARACTERS = 500
_CREDENTIALS = re.compile(r"(\w+://)[^/\s]*@")
# A URL ends its host at the first of these signs, so what follows is read as a port, path or host.
_UNESCAPED = re.compile(r"[/?#\[\]]")


def describe(error: BaseException | None) -> str:
    """The error for the log, without secrets; empty for None."""
    if error is None:
        return ""
    name = type(error).__name__
    if any(_breaks_its_password(url) for url in _urls()):
        return f"{name} (a URL's password has signs that must be percent-encoded; no text is shown)"
    return without_secrets(f"{name}: {error}")[:_MOST_CHARACTERS]


def without_secrets(text: str) -> str:
    """Remove passwords of databases and Redis, and credentials in URLs, from the text."""
    for password in sorted(set(_passwords()), key=len, reverse=True):
        text = text.replace(password, "…")
    return _CREDENTIALS.sub(r"\1…@", text)


def _breaks_its_password(url: str) -> bool:
    """Whether a driver may take a piece of the password for a host, port or path."""
    credentials, mark, _ = url.partition("://")[2].rpartition("@")
    # Without a colon before the host there is no password: the sign stands in a path or query.
    return bool(mark) and ":" in credentials and _UNESCAPED.search(credentials) is not None


def _passwords() -> Iterator[str]:
    for database in django_settings.DATABASES.values():
        if password := str(database.get("PASSWORD") or ""):
            yield password
    for cache in django_settings.CACHES.values():
        options: dict[str, object] = dict(cache.get("OPTIONS") or {})  # type: ignore[arg-type]
        for name, value in options.items():
            if value and str(name).lower() == "password":
                yield str(value)
    for url in _urls():
        try:
            password = urlsplit(url).password or ""
        except ValueError:
            continue
        yield from filter(None, (password, unquote(password)))


def _urls() -> Iterator[str]:
    """The URLs of Redis, of the caches and of Celery's broker, one server each."""
    found: list[object] = [
        get_settings().REDIS_URL,
        getattr(django_settings, "CELERY_BROKER_URL", None),
    ]
    for cache in django_settings.CACHES.values():
        location = cache.get("LOCATION")
        found += location if isinstance(location, list | tuple) else [location]
    if "celery" in sys.modules:
        found += _broker_urls()
    for given in found:
        # Commas (caches) and semicolons (Celery) separate the URLs of several servers.
        yield from re.split(r"[,;]\s*(?=\w+://)", str(given or ""))


def _broker_urls() -> list[object]:
    try:
        app = celery_app()
        conf = None if app is None else app.conf
        names = ("broker_url", "broker_read_url", "broker_write_url")
        urls = [conf.get(name) for name in names] if conf is not None else []
    except Exception:  # of the application: the error that is described may be the same
        return []
    flat: list[object] = []
    for url in urls:
        flat += url if isinstance(url, list | tuple) else [url]
    return flat
