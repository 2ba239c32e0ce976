"""The one place where `settings.MONITORING` is read: a frozen, typed object."""

import difflib
import ipaddress
import itertools
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings

from monitoring.errors import SettingsError

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# The buckets that OpenTelemetry's semantic conventions advise for http.server.request.duration.
DEFAULT_LATENCY_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip


OWN_HEALTH_CHECKS = ("database", "redis", "celery", "migrations")

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_MAY_HOLD_SECRETS = ("_TOKEN", "_URL")


def _setting(default: Any, parse: Callable[[Any], Any], help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"parse": parse, "help": help_text, "unit": unit})


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _integer(lowest: int, highest: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return value

    return parse


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number above 0")
    if not (math.isfinite(value) and value > 0):
        raise ValueError("a number above 0")
    return float(value)


def _buckets(value: Any) -> tuple[float, ...]:
    allowed = "1 to 100 numbers above 0, each larger than the one before it (+Inf is added)"
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 100:
        raise ValueError(allowed)
    try:
        bounds = tuple(_positive(bound) for bound in value)
    except ValueError:
        raise ValueError(allowed) from None
    if any(low >= high for low, high in itertools.pairwise(bounds)):
        raise ValueError(allowed)
    return bounds


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _token(value: Any) -> str:
    if not isinstance(value, str) or (value and (len(value) < 16 or not value.isascii())):
        raise ValueError("a string of at least 16 ASCII characters, or empty for none")
    return value


def _networks(value: Any) -> tuple[IPNetwork, ...]:
    allowed = 'a list of networks such as "10.0.0.0/8" or "::1"'
    try:
        return tuple(ipaddress.ip_network(item) for item in _strings(value))
    except ValueError:
        raise ValueError(allowed) from None


def _url(*schemes: str) -> Callable[[Any], str]:
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


def _matchers(value: Any) -> tuple[tuple[str, str], ...]:
    allowed = "a dict of label names and values, both strings"
    if not isinstance(value, Mapping):
        raise ValueError(allowed)
    for name, text in value.items():
        if not isinstance(text, str) or not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", str(name)):
            raise ValueError(allowed)
    return tuple(value.items())


def _dotted_path(value: Any) -> str:
    if not isinstance(value, str) or (value and not _DOTTED.fullmatch(value)):
        raise ValueError("a dotted path such as 'shop.celery.app', or empty")
    return value


def _health_checks(value: Any) -> tuple[tuple[str, str], ...]:
    allowed = "a dict of at most 50 names (a-z, 0-9, _; not one of our own checks) and dotted paths"
    if not isinstance(value, Mapping) or len(value) > 50:
        raise ValueError(allowed)
    for name, path in value.items():
        if name in OWN_HEALTH_CHECKS or not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", str(name)):
            raise ValueError(allowed)
        if not isinstance(path, str) or not _DOTTED.fullmatch(path):
            raise ValueError(allowed)
    return tuple(value.items())


def _path(value: Any) -> str:
    if not isinstance(value, str | os.PathLike):
        raise ValueError("a path")
    return os.fspath(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 100:
        raise ValueError("a string of at most 100 printable characters")
    return value


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of `settings.MONITORING`, checked, with their defaults."""

    ALERT_COOLDOWN_SECONDS: float = _setting(
        300.0, _positive, "An alert that was told is not told again for this long.", "seconds"
    )
    ALERT_EMAIL: bool = _setting(
        False, _boolean, "Send alerts to the admins' addresses as well, by Django's mail settings."
    )
    ALERT_HOOK: str = _setting(
        "", _dotted_path, "Dotted path of a function that is called with each AlertEvent."
    )
    ALERT_INTERVAL_SECONDS: float = _setting(
        300.0, _positive, "How often thresholds are evaluated, and over how long.", "seconds"
    )
    ALERT_MIN_REQUESTS: int = _setting(
        20,
        _integer(0, 1_000_000),
        "With fewer requests in the window, rates and response times raise no alert.",
        "requests",
    )
    ALERT_RETENTION_DAYS: float = _setting(
        90.0, _positive, "Alert events and threshold changes are deleted after this.", "days"
    )
    CELERY_APP: str = _setting(
        "",
        _dotted_path,
        "Dotted path of the Celery application that the health check and the exporter ask; empty:"
        " the one that the process has loaded.",
    )
    CELERY_QUEUES: tuple[str, ...] = _setting(
        (),
        _strings,
        "Queues whose length the exporter shows (Redis as broker); empty: those that the"
        " application declares.",
    )
    COLLECTORS: tuple[str, ...] = _setting(
        (),
        _strings,
        "Dotted paths of prometheus-client collectors (or functions that make one) that the"
        " exporter runs at each scrape.",
    )
    COLLECTOR_TIMEOUT_MS: float = _setting(
        2000.0, _positive, "What a custom collector may take.", "milliseconds"
    )
    DATABASE_TIMEOUT_MS: float = _setting(
        2000.0,
        _positive,
        "What asking databases and Redis about themselves may take; then the answer is a 503.",
        "milliseconds",
    )
    HEALTH_CHECKS: tuple[tuple[str, str], ...] = _setting(
        (),
        _health_checks,
        "Checks of your own by name: dotted paths of functions without arguments. What raises or"
        " returns False is unhealthy.",
    )
    HEALTH_CHECK_TIMEOUT_MS: float = _setting(
        2000.0, _positive, "What one health check may take.", "milliseconds"
    )
    HEALTH_CRITICAL: tuple[str, ...] = _setting(
        ("database",),
        _strings,
        "Checks without which the site is unhealthy (503); the others degrade it.",
    )
    HEALTH_DATABASES: tuple[str, ...] = _setting(
        (), _strings, "Aliases that the checks cover; empty: all."
    )
    HEALTH_READY: tuple[str, ...] = _setting(
        ("migrations", "database"),
        _strings,
        "Checks of `health/ready/`: with one unhealthy it answers 503.",
    )
    HEALTH_SHARE_MS: float = _setting(
        5000.0,
        _positive,
        "How long a check's result is given to whoever asks, in all workers of the host.",
        "milliseconds",
    )
    HEALTH_TIMEOUT_MS: float = _setting(
        3000.0, _positive, "What an answer of `health/` may take in all.", "milliseconds"
    )
    HEALTH_WORKER_HOSTS: bool = _setting(
        False,
        _boolean,
        "Show the hosts of Celery's workers to the public (`celery@host` for `celery@…`).",
    )
    HIGHR_CLASSIC_BUCKETS: bool = _setting(
        True,
        _boolean,
        "Expose the 290 buckets of `http_request_duration_highr_seconds` in the text formats;"
        " False leaves the finer one to scrapers that take native histograms.",
    )
    IGNORE_ROUTES: tuple[str, ...] = _setting(
        ("monitoring:*", "admin:monitoring_*"),
        _strings,
        "Requests that are not traffic: route templates (`/healthz/`) or URL names (`shop:ping`),"
        " `*` matches any text.",
    )
    MAX_ROUTES: int = _setting(
        1000,
        _integer(1, 100_000),
        "Route templates a process tells apart; further ones become `_overflow` and are counted.",
        "routes",
    )
    MIGRATIONS_EVERY_SECONDS: int = _setting(
        0,
        _integer(0, 86_400),
        "How often `django_migrations_applied_total` and `…_unapplied_total` are renewed;"
        " 0: they are not exposed.",
        "seconds",
    )
    LATENCY_BUCKETS: tuple[float, ...] = _setting(
        DEFAULT_LATENCY_BUCKETS,
        _buckets,
        "Upper bounds of `http_request_duration_seconds`.",
        "seconds",
    )
    PROMETHEUS_URL: str = _setting(
        "",
        _url("http", "https"),
        "A Prometheus-compatible server that the summary is asked of, for all hosts; empty: the"
        " summary is this host's own.",
    )
    PROMETHEUS_TOKEN: str = _setting(
        "", _text, "Bearer token for PROMETHEUS_URL; empty: none is sent."
    )
    PROMETHEUS_CA_FILE: str = _setting(
        "", _path, "PEM file of the authority that signed PROMETHEUS_URL's certificate."
    )
    PROMETHEUS_MATCHERS: tuple[tuple[str, str], ...] = _setting(
        (),
        _matchers,
        'Labels that this site\'s series have in Prometheus, such as {"job": "shop"}.',
    )
    PROMETHEUS_TIMEOUT_MS: float = _setting(
        5000.0, _positive, "What all queries of a summary may take together.", "milliseconds"
    )
    PROMETHEUS_FALLBACK: bool = _setting(
        False,
        _boolean,
        "Answer this host's own figures, and say so, while Prometheus cannot be asked; False: 503.",
    )
    REDIS_PREFIX: str = _setting(
        "monitoring:", _text, "What our keys in Redis begin with; one for each site."
    )
    REDIS_URL: str = _setting(
        "",
        _url("redis", "rediss", "unix"),
        "Redis for active sessions and the details of slow requests; empty: none.",
    )
    SCRAPE_ALLOWED_NETWORKS: tuple[IPNetwork, ...] = _setting(
        (),
        _networks,
        "Networks that may scrape; empty: any. Compared with REMOTE_ADDR, never with a header.",
    )
    SCRAPE_TOKEN: str = _setting(
        "", _token, "Bearer token that a scrape must carry; empty: none is asked for."
    )
    REPEATED_QUERIES: int = _setting(
        10,
        _integer(1, 1_000_000),
        "A query that one request runs more often than this is reported as repeated (N+1).",
        "times",
    )
    SLOW_QUERY_LOG: str = _setting(
        "logs/slow_queries.log",
        _path,
        "File of slow and repeated queries, one JSON object a line; a relative path starts at"
        " BASE_DIR if the project has one; empty: none.",
    )
    SLOW_QUERY_LOG_BACKUPS: int = _setting(
        5, _integer(1, 1000), "Older files of SLOW_QUERY_LOG that are kept.", "files"
    )
    SLOW_QUERY_LOG_MAX_BYTES: int = _setting(
        10_000_000,
        _integer(0, 1 << 40),
        "Size from which SLOW_QUERY_LOG is renamed to `….1`; 0: never, logrotate does it.",
        "bytes",
    )
    SLOW_QUERY_LOG_PER_MINUTE: int = _setting(
        10,
        _integer(1, 1_000_000),
        "Lines that a process writes about one kind of query in a minute; the others are counted.",
        "lines",
    )
    SLOW_QUERY_MS: float = _setting(
        100.0, _positive, "From this duration on a query is slow.", "milliseconds"
    )
    SLOW_REQUEST_MS: float = _setting(
        1000.0, _positive, "From this duration on a request is slow.", "milliseconds"
    )
    STATUS_COUNTERS: bool = _setting(
        True, _boolean, "Expose `http_status_{code}_total`, derived from `http_requests_total`."
    )
    WEBHOOK_TOKEN: str = _setting(
        "", _token, "Bearer token of Alertmanager's webhook; empty: the webhook is closed."
    )


def parse(given: Any) -> tuple[Settings, list[str]]:
    """Settings from the dict as given, and every problem found; a bad key keeps its default."""
    if not isinstance(given, Mapping):
        return Settings(), [f"MONITORING is {given!r}; allowed is a dict of settings"]
    known = {item.name: item.metadata["parse"] for item in fields(Settings)}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in given.items():
        if name not in known:
            nearest = difflib.get_close_matches(str(name).upper(), known, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {sorted(known)}"
            problems.append(f"MONITORING[{name!r}] is not a setting; {hint}")
            continue
        try:
            values[name] = known[name](value)
        except ValueError as error:
            shown = "(hidden)" if name.endswith(_MAY_HOLD_SECRETS) else repr(value)
            problems.append(f"MONITORING[{name!r}] is {shown}; allowed is {error}")
    return Settings(**values), problems


@cache
def get_settings() -> Settings:
    """The checked settings. Raises SettingsError, naming every bad key."""
    result, problems = parse(getattr(django_settings, "MONITORING", {}))
    if problems:
        raise SettingsError("; ".join(problems))
    return result


def forget_settings(*, setting: str = "MONITORING", **_: Any) -> None:
    """Read the settings anew at the next use (connected to Django's `setting_changed`)."""
    if setting == "MONITORING":
        get_settings.cache_clear()
