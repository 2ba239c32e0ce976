"""The one place where `settings.MONITORING` is read: a frozen, typed object."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from django.conf import settings as django_settings

from monitoring.conf import setting_values as values
from monitoring.conf.health_table import Role, own_checks_with
from monitoring.conf.setting_values import IPNetwork
from monitoring.errors import SettingsError

# The buckets that OpenTelemetry's semantic conventions advise for http.server.request.duration.
DEFAULT_LATENCY_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip

_MAY_HOLD_SECRETS = ("_TOKEN", "_URL")


def _setting(default: Any, parse: Callable[[Any], Any], help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"parse": parse, "help": help_text, "unit": unit})


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of `settings.MONITORING`, checked, with their defaults."""

    ALERT_COOLDOWN_SECONDS: float = _setting(
        300.0, values.positive, "An alert that was told is not told again for this long.", "seconds"
    )
    ALERT_EMAIL: bool = _setting(
        False,
        values.boolean,
        "Send alerts to the admins' addresses as well, by Django's mail settings.",
    )
    ALERT_HOOK: str = _setting(
        "", values.dotted_path, "Dotted path of a function that is called with each AlertEvent."
    )
    ALERT_INTERVAL_SECONDS: float = _setting(
        300.0, values.positive, "How often thresholds are evaluated, and over how long.", "seconds"
    )
    ALERT_MIN_REQUESTS: int = _setting(
        20,
        values.integer(0, 1_000_000),
        "With fewer requests in the window, rates and response times raise no alert.",
        "requests",
    )
    ALERT_RETENTION_DAYS: float = _setting(
        90.0, values.positive, "Alert events and threshold changes are deleted after this.", "days"
    )
    CELERY_APP: str = _setting(
        "",
        values.dotted_path,
        "Dotted path of the Celery application that the health check and the exporter ask; empty:"
        " the one that the process has loaded.",
    )
    CELERY_QUEUES: tuple[str, ...] = _setting(
        (),
        values.strings,
        "Queues whose length the exporter shows (Redis as broker); empty: those that the"
        " application declares.",
    )
    COLLECTORS: tuple[str, ...] = _setting(
        (),
        values.strings,
        "Dotted paths of prometheus-client collectors (or functions that make one) that the"
        " exporter runs at each scrape.",
    )
    COLLECTOR_TIMEOUT_MS: float = _setting(
        2000.0, values.positive, "What a custom collector may take.", "milliseconds"
    )
    DATABASE_TIMEOUT_MS: float = _setting(
        2000.0,
        values.positive,
        "What asking databases and Redis about themselves may take; then the answer is a 503.",
        "milliseconds",
    )
    HEALTH_CHECKS: tuple[tuple[str, str], ...] = _setting(
        (),
        values.health_checks,
        "Checks of your own by name: dotted paths of functions without arguments. What raises or"
        " returns False is unhealthy.",
    )
    HEALTH_CHECK_TIMEOUT_MS: float = _setting(
        2000.0, values.positive, "What one health check may take.", "milliseconds"
    )
    HEALTH_CRITICAL: tuple[str, ...] = _setting(
        own_checks_with(Role.CRITICAL),
        values.strings,
        "Checks without which the site is unhealthy (503); the others degrade it.",
    )
    HEALTH_DATABASES: tuple[str, ...] = _setting(
        (), values.strings, "Aliases that the checks cover; empty: all."
    )
    HEALTH_READY: tuple[str, ...] = _setting(
        own_checks_with(Role.READY),
        values.strings,
        "Checks of `health/ready/`: with one unhealthy it answers 503.",
    )
    HEALTH_SHARE_MS: float = _setting(
        5000.0,
        values.positive,
        "How long a check's result is given to whoever asks, in all workers of the host.",
        "milliseconds",
    )
    HEALTH_TIMEOUT_MS: float = _setting(
        3000.0, values.positive, "What an answer of `health/` may take in all.", "milliseconds"
    )
    HEALTH_WORKER_HOSTS: bool = _setting(
        False,
        values.boolean,
        "Show the hosts of Celery's workers to the public (`celery@host` for `celery@…`).",
    )
    HIGHR_CLASSIC_BUCKETS: bool = _setting(
        True,
        values.boolean,
        "Expose the 290 buckets of `http_request_duration_highr_seconds` in the text formats;"
        " False leaves the finer one to scrapers that take native histograms.",
    )
    IGNORE_ROUTES: tuple[str, ...] = _setting(
        ("monitoring:*", "admin:monitoring_*"),
        values.strings,
        "Requests that are not traffic: route templates (`/healthz/`) or URL names (`shop:ping`),"
        " `*` matches any text.",
    )
    MAX_ROUTES: int = _setting(
        1000,
        values.integer(1, 100_000),
        "Route templates a process tells apart; further ones become `_overflow` and are counted.",
        "routes",
    )
    MIGRATIONS_EVERY_SECONDS: int = _setting(
        0,
        values.integer(0, 86_400),
        "How often `django_migrations_applied_total` and `…_unapplied_total` are renewed;"
        " 0: they are not exposed.",
        "seconds",
    )
    LATENCY_BUCKETS: tuple[float, ...] = _setting(
        DEFAULT_LATENCY_BUCKETS,
        values.buckets,
        "Upper bounds of `http_request_duration_seconds`.",
        "seconds",
    )
    PROMETHEUS_URL: str = _setting(
        "",
        values.url("http", "https"),
        "A Prometheus-compatible server that the summary is asked of, for all hosts; empty: the"
        " summary is this host's own.",
    )
    PROMETHEUS_TOKEN: str = _setting(
        "", values.text, "Bearer token for PROMETHEUS_URL; empty: none is sent."
    )
    PROMETHEUS_CA_FILE: str = _setting(
        "", values.path, "PEM file of the authority that signed PROMETHEUS_URL's certificate."
    )
    PROMETHEUS_MATCHERS: tuple[tuple[str, str], ...] = _setting(
        (),
        values.matchers,
        'Labels that this site\'s series have in Prometheus, such as {"job": "shop"}.',
    )
    PROMETHEUS_TIMEOUT_MS: float = _setting(
        5000.0, values.positive, "What all queries of a summary may take together.", "milliseconds"
    )
    PROMETHEUS_FALLBACK: bool = _setting(
        False,
        values.boolean,
        "Answer this host's own figures, and say so, while Prometheus cannot be asked; False: 503.",
    )
    REDIS_PREFIX: str = _setting(
        "monitoring:", values.text, "What our keys in Redis begin with; one for each site."
    )
    REDIS_URL: str = _setting(
        "",
        values.url("redis", "rediss", "unix"),
        "Redis for active sessions and the details of slow requests; empty: none.",
    )
    SCRAPE_ALLOWED_NETWORKS: tuple[IPNetwork, ...] = _setting(
        (),
        values.networks,
        "Networks that may scrape; empty: any. Compared with REMOTE_ADDR, never with a header.",
    )
    SCRAPE_TOKEN: str = _setting(
        "", values.token, "Bearer token that a scrape must carry; empty: none is asked for."
    )
    REPEATED_QUERIES: int = _setting(
        10,
        values.integer(1, 1_000_000),
        "A query that one request runs more often than this is reported as repeated (N+1).",
        "times",
    )
    SLOW_QUERY_LOG: str = _setting(
        "logs/slow_queries.log",
        values.path,
        "File of slow and repeated queries, one JSON object a line; a relative path starts at"
        " BASE_DIR if the project has one; empty: none.",
    )
    SLOW_QUERY_LOG_BACKUPS: int = _setting(
        5, values.integer(1, 1000), "Older files of SLOW_QUERY_LOG that are kept.", "files"
    )
    SLOW_QUERY_LOG_MAX_BYTES: int = _setting(
        10_000_000,
        values.integer(0, 1 << 40),
        "Size from which SLOW_QUERY_LOG is renamed to `….1`; 0: never, logrotate does it.",
        "bytes",
    )
    SLOW_QUERY_LOG_PER_MINUTE: int = _setting(
        10,
        values.integer(1, 1_000_000),
        "Lines that a process writes about one kind of query in a minute; the others are counted.",
        "lines",
    )
    SLOW_QUERY_MS: float = _setting(
        100.0, values.positive, "From this duration on a query is slow.", "milliseconds"
    )
    SLOW_REQUEST_MS: float = _setting(
        1000.0, values.positive, "From this duration on a request is slow.", "milliseconds"
    )
    STATUS_COUNTERS: bool = _setting(
        True,
        values.boolean,
        "Expose `http_status_{code}_total`, derived from `http_requests_total`.",
    )
    WEBHOOK_TOKEN: str = _setting(
        "", values.token, "Bearer token of Alertmanager's webhook; empty: the webhook is closed."
    )


def parse_settings(given: Any) -> tuple[Settings, list[str]]:
    """Settings from the dict as given, and every problem found; a bad key keeps its default."""
    if not isinstance(given, Mapping):
        return Settings(), [f"MONITORING is {given!r}; allowed is a dict of settings"]
    known = {item.name: item.metadata["parse"] for item in fields(Settings)}
    chosen: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in given.items():
        if name not in known:
            nearest = difflib.get_close_matches(str(name).upper(), known, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {sorted(known)}"
            problems.append(f"MONITORING[{name!r}] is not a setting; {hint}")
            continue
        try:
            chosen[name] = known[name](value)
        except ValueError as error:
            shown = "(hidden)" if name.endswith(_MAY_HOLD_SECRETS) else repr(value)
            problems.append(f"MONITORING[{name!r}] is {shown}; allowed is {error}")
    return Settings(**chosen), problems


@cache
def get_settings() -> Settings:
    """The checked settings. Raises SettingsError, naming every bad key."""
    result, problems = parse_settings(getattr(django_settings, "MONITORING", {}))
    if problems:
        raise SettingsError("; ".join(problems))
    return result


def forget_settings(*, setting: str = "MONITORING", **_: Any) -> None:
    """Read the settings anew at the next use (connected to Django's `setting_changed`)."""
    if setting == "MONITORING":
        get_settings.cache_clear()
