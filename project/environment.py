"""Reads the environment (12factor.net/config); a bad value is named, with what is allowed."""

import contextlib
import ipaddress
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def boolean(name: str, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r}: allowed are 1, true, yes, on, 0, false, no, off")


def items(name: str, default: list[str]) -> list[str]:
    """A list, separated by commas."""
    value = os.environ.get(name)
    if value is None:
        return default
    return [item.strip() for item in value.split(",") if item.strip()]


def whole_number(name: str, default: int, lowest: int, highest: int) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or not lowest <= int(value) <= highest:
        raise ImproperlyConfigured(
            f"{name}={value!r}: allowed is a whole number from {lowest} to {highest}"
        )
    return int(value)


def address(name: str, default: str) -> tuple[str, int]:
    """HOST:PORT, with an IPv6 host in brackets."""
    value = text(name, default)
    host, _, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        if not 0 < int(port) < 65536 or not host:
            raise ValueError
        if host != bare:
            ipaddress.IPv6Address(bare)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name}={value!r}: allowed is HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000"
        ) from None
    return bare, int(port)


def secret_key() -> str:
    """SECRET_KEY, else a key made once and kept where only this user can read it."""
    given = os.environ.get("SECRET_KEY")
    if given:
        return given
    VAR_DIR.mkdir(exist_ok=True)
    path = VAR_DIR / "secret_key"
    if not path.exists():
        # Written under another name and linked: of several processes one wins, and whole.
        draft = VAR_DIR / f"secret_key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()
