"""Functions that check a setting's value and convert it.

Each raises a ValueError whose message is what is allowed.
"""

import ipaddress
import itertools
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from monitoring.conf.health_table import OWN_HEALTH_CHECKS

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_ADMINS_ALLOWED = "a dict of dotted paths by the names 'users' and 'is_admin', or empty"


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def integer(lowest: int, highest: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return value

    return parse


def positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number above 0")
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not (math.isfinite(number) and number > 0):
        raise ValueError("a number above 0")
    return number


def buckets(value: Any) -> tuple[float, ...]:
    allowed = "1 to 100 numbers above 0, each larger than the one before it (+Inf is added)"
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 100:
        raise ValueError(allowed)
    try:
        bounds = tuple(positive(bound) for bound in value)
    except ValueError:
        raise ValueError(allowed) from None
    if any(low >= high for low, high in itertools.pairwise(bounds)):
        raise ValueError(allowed)
    return bounds


def strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def token(value: Any) -> str:
    if not isinstance(value, str) or (value and (len(value) < 16 or not value.isascii())):
        raise ValueError("a string of at least 16 ASCII characters, or empty for none")
    return value


def networks(value: Any) -> tuple[IPNetwork, ...]:
    allowed = 'a list of networks such as "10.0.0.0/8" or "::1"'
    try:
        return tuple(ipaddress.ip_network(item) for item in strings(value))
    except ValueError:
        raise ValueError(allowed) from None


def url(*schemes: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        allowed = f"a URL that begins with {' or '.join(f'{s}://' for s in schemes)}, or empty"
        if not isinstance(value, str):
            raise ValueError(allowed)
        try:
            parts = urlsplit(value)
            complete = bool(parts.hostname or (parts.scheme == "unix" and parts.path))
            valid = parts.scheme in schemes and complete and parts.port != 0
        except ValueError:
            valid = False
        if value and not valid:
            raise ValueError(allowed)
        return value

    return parse


def matchers(value: Any) -> tuple[tuple[str, str], ...]:
    allowed = "a dict of label names and values, both strings"
    if not isinstance(value, Mapping):
        raise ValueError(allowed)
    for name, text in value.items():
        if not isinstance(text, str) or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", str(name)):
            raise ValueError(allowed)
    return tuple(value.items())


def dotted_path(value: Any) -> str:
    if not isinstance(value, str) or (value and not _DOTTED.fullmatch(value)):
        raise ValueError("a dotted path such as 'shop.celery.app', or empty")
    return value


def health_checks(value: Any) -> tuple[tuple[str, str], ...]:
    allowed = "a dict of at most 50 names (a-z, 0-9, _; not one of our own checks) and dotted paths"
    if not isinstance(value, Mapping) or len(value) > 50:
        raise ValueError(allowed)
    own = {check.name for check in OWN_HEALTH_CHECKS}
    for name, path in value.items():
        if name in own or not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", str(name)):
            raise ValueError(allowed)
        if not isinstance(path, str) or not _DOTTED.fullmatch(path):
            raise ValueError(allowed)
    return tuple(value.items())


def admins(value: Any) -> tuple[tuple[str, str], ...]:
    if value == {}:
        return ()
    if not isinstance(value, Mapping) or set(value) != {"users", "is_admin"}:
        raise ValueError(_ADMINS_ALLOWED)
    if not all(isinstance(path, str) and _DOTTED.fullmatch(path) for path in value.values()):
        raise ValueError(_ADMINS_ALLOWED)
    return tuple(value.items())


def path(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise ValueError("a path")
    return os.fspath(value)


def path_or_default(value: Any) -> str | None:
    if value is not None and not isinstance(value, str | os.PathLike):
        raise ValueError("a path, empty for none, or None for the default")
    return None if value is None else os.fspath(value)


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 100:
        raise ValueError("a string of at most 100 printable characters")
    return value
