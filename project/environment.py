"""Reads the environment (12factor.net/config); an error names the bad value and what is allowed.

Every variable is optional, and an empty one counts as unset. An error shows the bad value; of a
URL, which may carry a password, it shows only what cannot be one.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from monitoring.storage.directory import ENVIRONMENT_VARIABLE, default_directory

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class EnvironmentVariableError(Exception):
    """A variable has a value that cannot be used.

    It is not one of Django's errors, because gunicorn's configuration must not import Django.
    """

    def __init__(self, name: str, shown: str, allowed: str) -> None:
        super().__init__(f"{name}={shown}: {allowed}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; `host` has no brackets, `variable` is where the address is set."""

    variable: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def resolve(self) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
        """The family and address for `bind`: IPv6 for an IPv6 literal, else IPv4, as in gunicorn.

        Raises EnvironmentVariableError if the host has no address.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            found = socket.getaddrinfo(self.host, self.port, family, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not a host name"
            raise EnvironmentVariableError(
                self.variable,
                repr(str(self)),
                f"the host cannot be resolved ({reason}); "
                "allowed is an address or a name of this machine, such as 127.0.0.1 or 0.0.0.0",
            ) from None
        return found[0][0], found[0][4]


@dataclass(frozen=True, slots=True)
class Environment:
    """The validated environment."""

    bind: Address
    exporter_bind: Address
    workers: int
    debug: bool
    demo_views: bool
    allowed_hosts: list[str]
    database: dict[str, Any]
    redis_url: str
    broker_url: str
    metrics_directory: Path


def read(variables: Mapping[str, str] = os.environ) -> Environment:
    """Raises EnvironmentVariableError for the first value that cannot be used. Opens nothing."""
    given = {name: value.strip() for name, value in variables.items()}
    return Environment(
        bind=_address(given, "BIND", "127.0.0.1:8000"),
        exporter_bind=_address(given, "EXPORTER_BIND", "127.0.0.1:9464"),
        workers=_whole_number(given, "WEB_CONCURRENCY", 4, 1, 512),
        debug=_switch(given, "DEBUG"),
        demo_views=_switch(given, "DEMO_VIEWS"),
        allowed_hosts=_items(given, "ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
        database=_database(given, "DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}"),
        redis_url=_redis(given, "REDIS_URL"),
        broker_url=given.get("CELERY_BROKER_URL") or given.get("REDIS_URL", ""),
        metrics_directory=_absolute_path(given, ENVIRONMENT_VARIABLE, default_directory(BASE_DIR)),
    )


def without_secrets(url: str) -> str:
    """A valid URL's scheme, host, port and path: no user, password or query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _switch(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name) or "0"
    if value.lower() not in _SWITCH:
        raise EnvironmentVariableError(name, repr(value), f"allowed are {', '.join(_SWITCH)}")
    return _SWITCH[value.lower()]


def _items(given: Mapping[str, str], name: str, default: str) -> list[str]:
    """A list, separated by commas."""
    return [item.strip() for item in (given.get(name) or default).split(",") if item.strip()]


def _whole_number(
    given: Mapping[str, str], name: str, default: int, lowest: int, highest: int
) -> int:
    value = given.get(name) or str(default)
    if not _is_number(value) or not lowest <= int(value) <= highest:
        raise EnvironmentVariableError(
            name, repr(value), f"allowed is a whole number from {lowest} to {highest}"
        )
    return int(value)


def _is_number(value: str) -> bool:
    # Nine digits exceed every limit here, and int() raises for thousands of them.
    return value.isascii() and value.isdigit() and len(value) < 10


def _is_port(value: str) -> bool:
    return _is_number(value) and 0 < int(value) < 65536


def _address(given: Mapping[str, str], name: str, default: str) -> Address:
    """HOST:PORT, with an IPv6 host in brackets."""
    value = given.get(name) or default
    host, _, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    allowed = f"allowed is HOST:PORT with a port from 1 to 65535, such as {default} or [::1]:8000"
    if ":" in host and not bracketed and _is_ipv6(host):
        allowed = f"an IPv6 address stands in brackets: [{host}]:{port}"
    elif _is_port(port) and (_is_ipv6(bare) if bracketed else bare and ":" not in bare):
        return Address(name, bare, int(port))
    raise EnvironmentVariableError(name, repr(value), allowed)


def _is_ipv6(value: str) -> bool:
    try:
        IPv6Address(value)
    except AddressValueError:
        return False
    return True


def _database(given: Mapping[str, str], name: str, default: str) -> dict[str, Any]:
    value = given.get(name) or default
    try:
        return dict(dj_database_url.parse(value, conn_max_age=60))
    except ValueError:
        raise EnvironmentVariableError(
            name,
            _shown_url(value),
            "allowed is a URL such as sqlite:////path/to/file or "
            "postgres://user:password@host:5432/name, special characters written as %40",
        ) from None


def _redis(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if value and not _is_redis_url(value):
        raise EnvironmentVariableError(
            name,
            _shown_url(value),
            "allowed is redis://, rediss:// or unix://, such as "
            "redis://:password@host:6379/0, special characters written as %40",
        )
    return value


def _is_redis_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        number = parts.path.strip("/")
        if parts.scheme == "unix":
            return parts.path.startswith("/")
        # Reading the port raises ValueError for one that is not a number up to 65535.
        has_server = bool(parts.hostname) and parts.port != 0
        return parts.scheme in ("redis", "rediss") and has_server and _is_number(number or "0")
    except ValueError:
        return False


def _shown_url(value: str) -> str:
    """The part of an invalid URL that cannot hold a password."""
    scheme, separator, rest = value.rpartition("://")
    if any(mark in scheme + rest for mark in "@:?#=;"):
        known = scheme in dj_database_url.ENGINE_SCHEMES or scheme in ("redis", "rediss", "unix")
        return f"{scheme}://…" if known else "…"
    return repr(scheme + separator + rest)


def _absolute_path(given: Mapping[str, str], name: str, default: Path) -> Path:
    """Relative paths are refused: processes start in different directories, but must agree."""
    path = Path(given.get(name) or default)
    if not path.is_absolute():
        raise EnvironmentVariableError(
            name, repr(str(path)), "allowed is an absolute path, such as /dev/shm/my-site-metrics"
        )
    return path
