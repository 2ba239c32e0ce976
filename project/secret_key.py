"""SECRET_KEY, or a key that is made once and kept where only this user can read it."""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def secret_key(directory: Path) -> str:
    """Raises ImproperlyConfigured if there is no SECRET_KEY and none can be kept in `directory`."""
    given = os.environ.get("SECRET_KEY")
    if given:
        return given
    try:
        return _kept(directory)
    except OSError as error:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, and none can be kept in {directory}: {error.strerror}"
        ) from None


def _kept(directory: Path) -> str:
    directory.mkdir(exist_ok=True)
    path = directory / "secret_key"
    if not path.exists():
        # Written under another name, then linked: one of several processes wins, with a whole key.
        draft = directory / f"secret_key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()
