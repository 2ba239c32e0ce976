"""Takes passwords out of what a driver's error says."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from django.conf import settings

from monitoring.conf import get_settings

_CREDENTIALS = re.compile(r"(\w+://)[^/\s]*@")


def without_secrets(text: str) -> str:
    """The text without the passwords of databases and Redis, and without credentials in URLs."""
    for secret in set(_known()):
        text = text.replace(secret, "…")
    return _CREDENTIALS.sub(r"\1…@", text)


def _known() -> Iterator[str]:
    for database in settings.DATABASES.values():
        if password := str(database.get("PASSWORD") or ""):
            yield password
    for url in (get_settings().REDIS_URL, str(getattr(settings, "CELERY_BROKER_URL", "") or "")):
        try:
            password = urlsplit(url).password or ""
        except ValueError:
            continue
        yield from filter(None, (password, unquote(password)))
