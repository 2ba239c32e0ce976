"""Checks `settings.MONITORING` and converts it to a frozen, typed object."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from django.conf import settings as django_settings

from monitoring.conf import setting_values as values
from monitoring.conf.health_table import HealthRole, own_checks_with
from monitoring.conf.setting_values import IPNetwork
from monitoring.errors import SettingsError

# Not the package's name: a host often has an app of its own with the label "monitoring".
APP_LABEL = "multiprocess_exporter"

# The buckets that OpenTelemetry's conventions advise for http.server.request.duration.
DEFAULT_LATENCY_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip

_MAY_HOLD_SECRETS = ("_TOKEN", "_URL")


def _setting(default: Any, parse: Callable[[Any], Any], help_text: str, unit: str = "") -> Any:
    return field(default=default, metadata={"parse": parse, "help": help_text, "unit": unit})


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of `settings.MONITORING`, checked, with their defaults."""

    ADMINS: tuple[tuple[str, str], ...] = _setting(
        (),
        values.admins,
        "Who is an admin, if not `is_staff` and `is_active` of the user model: a dict of two dotted"
        " paths, `users` of a function that returns all admins, and `is_admin` of one that takes"
        " the user of a request.",
    )
    ALERT_COOLDOWN_SECONDS: float = _setting(
        300.0,
        values.positive,
        "After admins are told that an alert began, they are not told so again for this long.",
        "seconds",
    )
    ALERT_EMAIL: bool = _setting(
        False,
        values.boolean,
        "Also send alerts by mail to the admins' addresses, with Django's mail settings.",
    )
    ALERT_HOOK: str = _setting(
        "", values.dotted_path, "Dotted path of a function that is called with each AlertEvent."
    )
    ALERT_INTERVAL_SECONDS: float = _setting(
        300.0,
        values.positive,
        "Time between two evaluations of the thresholds, and the shortest window of one.",
        "seconds",
    )
    ALERT_MIN_REQUESTS: int = _setting(
        20,
        values.integer(0, 1_000_000),
        "With fewer requests than this in the window, rates and response times raise no alert.",
        "requests",
    )
    ALERT_RETENTION_DAYS: float = _setting(
        90.0,
        values.positive,
        "Alert events and threshold changes that are older than this are deleted.",
        "days",
    )
    CELERY_APP: str = _setting(
        "",
        values.dotted_path,
        "Dotted path of the Celery application that the health check and the exporter ask. Empty:"
        " the application that the process has loaded.",
    )
    CELERY_QUEUES: tuple[str, ...] = _setting(
        (),
        values.strings,
        "Queues whose length the exporter shows (only with Redis as broker). Empty: the queues that"
        " the application declares.",
    )
    COLLECTORS: tuple[str, ...] = _setting(
        (),
        values.strings,
        "Dotted paths of prometheus-client collectors (or functions that return one) that the"
        " exporter runs at each merge.",
    )
    COLLECTOR_TIMEOUT_MS: float = _setting(
        2000.0, values.positive, "Time limit of one custom collector.", "milliseconds"
    )
    DATABASE_TIMEOUT_MS: float = _setting(
        2000.0,
        values.positive,
        "Time limit for questions to databases and Redis about themselves. A database that takes"
        " longer makes the answer a 503.",
        "milliseconds",
    )
    HEALTH_CHECKS: tuple[tuple[str, str], ...] = _setting(
        (),
        values.health_checks,
        "Your own health checks: a dict of name to dotted path of a function without arguments. A"
        " check that raises or returns False is unhealthy.",
    )
    HEALTH_CHECK_TIMEOUT_MS: float = _setting(
        2000.0, values.positive, "Time limit of one health check.", "milliseconds"
    )
    HEALTH_CRITICAL: tuple[str, ...] = _setting(
        own_checks_with(HealthRole.CRITICAL),
        values.strings,
        "Checks that make the site unhealthy (503) when they fail. Any other failed check makes it"
        " degraded (200).",
    )
    HEALTH_DATABASES: tuple[str, ...] = _setting(
        (), values.strings, "Database aliases that the health checks cover. Empty: all aliases."
    )
    HEALTH_READY: tuple[str, ...] = _setting(
        own_checks_with(HealthRole.READY),
        values.strings,
        "Checks of `health/ready/`. It answers 503 when one of them is unhealthy.",
    )
    HEALTH_SHARE_MS: float = _setting(
        5000.0,
        values.positive,
        "How long all workers of the host reuse the result of a health check.",
        "milliseconds",
    )
    HEALTH_TIMEOUT_MS: float = _setting(
        3000.0, values.positive, "Time limit of a whole answer of `health/`.", "milliseconds"
    )
    HEALTH_WORKER_HOSTS: bool = _setting(
        False,
        values.boolean,
        "Show the host names of Celery workers in the public answer of `health/` (`celery@host`"
        " instead of `celery@…`).",
    )
    HIGHR_CLASSIC_BUCKETS: bool = _setting(
        True,
        values.boolean,
        "Expose the 338 buckets of `http_request_duration_highr_seconds` in the text formats;"
        " False leaves only `+Inf` there; scrapers that accept native histograms still get all.",
    )
    IGNORE_ROUTES: tuple[str, ...] = _setting(
        (f"{APP_LABEL}:*",),
        values.strings,
        "Requests that do not count as traffic, by route label (`/healthz/`, `/users/<int:pk>/`,"
        " `_static`) or URL name (`shop:ping`). A path (`/static/*`) also matches what no view"
        " answers, such as files that WhiteNoise serves. `*` matches any text. Our pages in the"
        " admin never count.",
    )
    MAX_ROUTES: int = _setting(
        1000,
        values.integer(1, 100_000),
        "Most `route` labels of a process. Further routes share the label `_overflow`, and"
        " `monitoring_dropped_total` counts their requests.",
        "routes",
    )
    MIGRATIONS_EVERY_SECONDS: int = _setting(
        0,
        values.integer(0, 86_400),
        "Time between two updates of `django_migrations_applied_total` and `…_unapplied_total`."
        " 0: they are not exposed.",
        "seconds",
    )
    LATENCY_BUCKETS: tuple[float, ...] = _setting(
        DEFAULT_LATENCY_BUCKETS,
        values.buckets,
        "Upper bounds of the buckets of `http_request_duration_seconds`.",
        "seconds",
    )
    NATIVE_ROUTES: int = _setting(
        1000,
        values.integer(0, 100_000),
        "Most pairs of method and route whose `http_request_duration_seconds` is a native"
        " histogram, too, in protobuf: those with the most requests. 0: none.",
        "pairs",
    )
    OUTGOING_HTTP: bool = _setting(
        True,
        values.boolean,
        "Time the calls that this site makes with requests, urllib3, httpx and aiohttp.",
    )
    PROMETHEUS_URL: str = _setting(
        "",
        values.url("http", "https"),
        "URL of a Prometheus-compatible server that gives the summary the figures of all hosts."
        " Empty: the summary has the figures of this host.",
    )
    PROMETHEUS_TOKEN: str = _setting(
        "", values.text, "Bearer token for PROMETHEUS_URL. Empty: no token is sent."
    )
    PROMETHEUS_CA_FILE: str = _setting(
        "",
        values.path,
        "PEM file of the certificate authority of PROMETHEUS_URL. Empty: the system's authorities.",
    )
    PROMETHEUS_MATCHERS: tuple[tuple[str, str], ...] = _setting(
        (),
        values.matchers,
        'Labels of this site\'s series in Prometheus, such as {"job": "shop"}.',
    )
    PROMETHEUS_TIMEOUT_MS: float = _setting(
        5000.0,
        values.positive,
        "Time limit for all queries of a summary to Prometheus together.",
        "milliseconds",
    )
    PROMETHEUS_FALLBACK: bool = _setting(
        False,
        values.boolean,
        "While Prometheus does not answer, answer with the figures of this host and say so. False:"
        " answer 503.",
    )
    REDIS_PREFIX: str = _setting(
        "monitoring:", values.text, "Prefix of our keys in Redis. Give each site its own."
    )
    REDIS_URL: str = _setting(
        "",
        values.url("redis", "rediss", "valkey", "valkeys", "unix"),
        "Redis for active sessions and the details of slow requests. Empty: Redis is not used.",
    )
    SCHEMA_IN_PROJECT: bool = _setting(
        False,
        values.boolean,
        "List the endpoints for admins in the project's own OpenAPI schema (drf-spectacular,"
        " drf-yasg, DRF's generateschema) as well. `schema/` beside them has them in any case.",
    )
    SCRAPE_ALLOWED_NETWORKS: tuple[IPNetwork, ...] = _setting(
        (),
        values.networks,
        "Networks that may scrape. Empty: all. REMOTE_ADDR decides, never a header.",
    )
    SCRAPE_TOKEN: str = _setting(
        "", values.token, "Bearer token that a scrape must carry. Empty: a scrape needs no token."
    )
    REPEATED_QUERIES: int = _setting(
        10,
        values.integer(1, 1_000_000),
        "A query that one request runs more often than this counts as repeated (N+1).",
        "times",
    )
    SLOW_QUERY_LOG: str | None = _setting(
        None,
        values.path_or_default,
        "Log file of slow and repeated queries, one JSON object per line. A relative path starts at"
        " BASE_DIR if the project has one. None, the default: `/var/tmp/django-monitoring-<user"
        " id>-<hash of BASE_DIR>/slow_queries.log`, or no log if this process may not write there."
        " Empty: no log.",
    )
    SLOW_QUERY_LOG_BACKUPS: int = _setting(
        5, values.integer(1, 1000), "Number of older SLOW_QUERY_LOG files that are kept.", "files"
    )
    SLOW_QUERY_LOG_MAX_BYTES: int = _setting(
        10_000_000,
        values.integer(0, 1 << 40),
        "Size at which SLOW_QUERY_LOG is renamed to `….1`. 0: never; leave it to logrotate.",
        "bytes",
    )
    SLOW_QUERY_LOG_PER_MINUTE: int = _setting(
        10,
        values.integer(1, 1_000_000),
        "Most lines per minute that a process writes about one kind of query. Further ones are only"
        " counted.",
        "lines",
    )
    SLOW_QUERY_MS: float = _setting(
        100.0, values.positive, "A query that takes this long or longer is slow.", "milliseconds"
    )
    SLOW_REQUEST_MS: float = _setting(
        1000.0, values.positive, "A request that takes this long or longer is slow.", "milliseconds"
    )
    SQL_COMMENTS: bool = _setting(
        False,
        values.boolean,
        "Append the request's route and sampled trace to each statement as a comment, for the"
        " database server's own log: `/*route='…',traceparent='…'*/`.",
    )
    STATUS_COUNTERS: bool = _setting(
        True,
        values.boolean,
        "Expose `http_status_{code}_total`, which is derived from `http_requests_total`.",
    )
    WEBHOOK_TOKEN: str = _setting(
        "", values.token, "Bearer token of Alertmanager's webhook. Empty: the webhook is closed."
    )


def parse_settings(given: Any) -> tuple[Settings, list[str]]:
    """The settings and all problems of the given dict; a bad key keeps its default."""
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
    """Receiver of Django's `setting_changed`: read the settings again at their next use."""
    if setting == "MONITORING":
        get_settings.cache_clear()
