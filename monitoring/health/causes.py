"""What of an error may go to the log: its type and text, without secrets.

Messages of database drivers, Redis and Celery may quote the URL or password that they were given.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from django.conf import settings as django_settings

from monitoring.conf import get_settings

_MOST_CHARACTERS = 500
_CREDENTIALS = re.compile(r"(\w+://)[^/\s]*@")


def describe(error: BaseException | None) -> str:
    """The error for the log, without secrets; empty for None."""
    if error is None:
        return ""
    return without_secrets(f"{type(error).__name__}: {error}")[:_MOST_CHARACTERS]


def without_secrets(text: str) -> str:
    """Remove passwords of databases and Redis, and credentials in URLs, from the text."""
    for password in set(_passwords()):
        text = text.replace(password, "…")
    return _CREDENTIALS.sub(r"\1…@", text)


def _passwords() -> Iterator[str]:
    for database in django_settings.DATABASES.values():
        if password := str(database.get("PASSWORD") or ""):
            yield password
    for url in (
        get_settings().REDIS_URL,
        str(getattr(django_settings, "CELERY_BROKER_URL", "") or ""),
    ):
        try:
            password = urlsplit(url).password or ""
        except ValueError:
            continue
        yield from filter(None, (password, unquote(password)))
