"""Django system checks, by which `manage.py check` reports misconfigurations."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.urls import get_script_prefix
from django.utils.module_loading import import_string
from prometheus_client import REGISTRY, values
from prometheus_client.metrics import MetricWrapperBase

from monitoring.alerts.admins import missing_flags, user_model
from monitoring.api.mounted import our_urls, overlaps
from monitoring.backing_services import redis_client
from monitoring.backing_services.database_probe import ask, configured_aliases
from monitoring.backing_services.migration_state import (
    command_for,
    missing_migrations,
    wanted_migrations,
)
from monitoring.conf import APP_LABEL, Settings, parse_settings
from monitoring.conf.health_table import HealthRole, own_checks_with
from monitoring.errors import DatabaseUnavailableError, MetricsDirectoryError
from monitoring.instruments.databases.log_place import problem_of_log
from monitoring.models import own_alias
from monitoring.page.base_template import alerts_are_hidden_by
from monitoring.storage import directory as metrics_directory

AppConfigs = Sequence[AppConfig] | None

_ASKED_BY_MACHINES = ("health", "health-live", "health-ready", "scrape", "webhook")
_MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"
# It opens a span and answers nothing. Exemplars need the span, so it stands first.
_TRACER = "opentelemetry."


def _usable_settings() -> Settings:
    """The settings without the bad keys, which E001 reports."""
    return parse_settings(getattr(settings, "MONITORING", {}))[0]


@register("monitoring")
def check_settings(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    _, problems = parse_settings(getattr(settings, "MONITORING", {}))
    return [Error(problem, id="monitoring.E001") for problem in problems]


@register("monitoring")
def check_middleware(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    listed = list(settings.MIDDLEWARE)
    if _MIDDLEWARE not in listed:
        return [
            checks.Warning(
                "Requests are not measured: the middleware is not in MIDDLEWARE.",
                hint=f"Put {_MIDDLEWARE!r} first in MIDDLEWARE.",
                id="monitoring.W001",
            )
        ]
    messages: list[CheckMessage] = []
    before = [name for name in listed[: listed.index(_MIDDLEWARE)] if not name.startswith(_TRACER)]
    if before:
        messages.append(
            checks.Warning(
                f"Requests answered by {before[0]!r} are not counted, and its time is not "
                "measured: it stands before the monitoring middleware.",
                hint=f"Put {_MIDDLEWARE!r} first in MIDDLEWARE.",
                id="monitoring.W002",
            )
        )
    if listed.count(_MIDDLEWARE) > 1:
        messages.append(
            Error(
                f"The middleware is listed {listed.count(_MIDDLEWARE)} times in MIDDLEWARE: "
                "only the first counts.",
                hint="List it once, first.",
                id="monitoring.E002",
            )
        )
    return messages


@register("monitoring")
def check_directory(
    app_configs: AppConfigs, *, mounts: Path = metrics_directory.MOUNTS, **kwargs: Any
) -> list[CheckMessage]:
    directory = metrics_directory.configured_directory()
    try:
        metrics_directory.ensure(directory, create=False)
    except MetricsDirectoryError as error:
        return [Error(str(error), id="monitoring.E003")]
    hint = "Give each host a directory of its own in memory, such as one in /dev/shm."
    messages: list[CheckMessage] = []
    given = os.environ.get(metrics_directory.ENVIRONMENT_VARIABLE, directory)
    if not Path(given).is_absolute():
        messages.append(
            checks.Warning(
                f"{metrics_directory.ENVIRONMENT_VARIABLE}={given} is relative: a server or an "
                "exporter that starts in another directory counts in other files.",
                hint="Write it as an absolute path.",
                id="monitoring.W010",
            )
        )
    if (kind := metrics_directory.network_file_system(directory, mounts)) is not None:
        messages.append(
            checks.Warning(
                f"{metrics_directory.ENVIRONMENT_VARIABLE}={directory} is on a network file system "
                f"({kind}): its locks and its shared memory end at the host.",
                hint=hint,
                id="monitoring.W005",
            )
        )
    if (name := metrics_directory.other_host(directory)) is not None:
        messages.append(
            checks.Warning(
                f"{metrics_directory.ENVIRONMENT_VARIABLE}={directory} was last used by the host "
                f"{name!r}: if it still is, both count in the same files.",
                hint=hint,
                id="monitoring.W006",
            )
        )
    return messages


@register("monitoring")
def check_slow_query_log(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    problem = problem_of_log(_usable_settings())
    if not problem:
        return []
    return [
        checks.Warning(
            f"Slow queries are counted, and not logged: {problem}.",
            hint="Name a file that this user may write with MONITORING['SLOW_QUERY_LOG'], or set "
            "it to '' for no log.",
            id="monitoring.W014",
        )
    ]


@register("monitoring")
def check_redis(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = _usable_settings()
    if not chosen.REDIS_URL or redis_client.has_redis_py():
        return []
    return [
        Error(
            "MONITORING['REDIS_URL'] is set, and there is no client for Redis.",
            hint="pip install redis",
            id="monitoring.E004",
        )
    ]


@register("monitoring")
def check_alert_hook(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = _usable_settings()
    problem = _problem_of_function(chosen.ALERT_HOOK) if chosen.ALERT_HOOK else ""
    if not problem:
        return []
    return [
        Error(
            f"MONITORING['ALERT_HOOK'] is {chosen.ALERT_HOOK!r}, which {problem}.",
            hint="Name a function that takes an AlertEvent, such as 'shop.pager.tell'.",
            id="monitoring.E005",
        )
    ]


@register("monitoring")
def check_users(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    model, named = user_model(), dict(_usable_settings().ADMINS)
    if model is None:
        return [
            Error(
                f"The user model {settings.AUTH_USER_MODEL!r} is not installed: there are no "
                "admins, and neither alerts nor the endpoints for admins work.",
                hint="Put 'django.contrib.auth' and 'django.contrib.contenttypes', or the app that "
                "AUTH_USER_MODEL names, into INSTALLED_APPS. Scrapes and health checks work "
                "without.",
                id="monitoring.E006",
            )
        ]
    messages: list[CheckMessage] = [
        Error(
            f"MONITORING['ADMINS'][{name!r}] is {path!r}, which {problem}.",
            hint="'users' names a function that returns all admins, 'is_admin' one that takes the "
            "user of a request and returns whether it is an admin.",
            id="monitoring.E007",
        )
        for name, path in named.items()
        if (problem := _problem_of_function(path, may_be_async=False))
    ]
    if not named and (missing := missing_flags(model)):
        messages.append(
            checks.Warning(
                f"Nobody is an admin: {settings.AUTH_USER_MODEL} has no attribute "
                f"{' and no '.join(missing)}.",
                hint="Add columns or properties of these names to it, or say who is an admin with "
                "MONITORING['ADMINS'].",
                id="monitoring.W008",
            )
        )
    return messages


@register("monitoring")
def check_dotted_paths(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = _usable_settings()
    named = [("HEALTH_CHECKS", path) for path in dict(chosen.HEALTH_CHECKS).values()]
    named += [("COLLECTORS", path) for path in chosen.COLLECTORS]
    return [
        Error(
            f"MONITORING[{setting!r}] has {path!r}, which {problem}.",
            hint="Name a function or a class by its dotted path, such as 'shop.health.payments'.",
            id="monitoring.E008",
        )
        for setting, path in named
        if (problem := _problem_of_function(path))
    ]


def _problem_of_function(path: str, *, may_be_async: bool = True) -> str:
    try:
        found = import_string(path)
    except Exception as error:  # of the project's module
        return f"cannot be imported ({error})"
    if not callable(found):
        return "is not a function"
    return "" if may_be_async or not iscoroutinefunction(found) else "is an async function"


@register("monitoring")
def check_health_databases(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    known = configured_aliases()
    return [
        Error(
            f"MONITORING['HEALTH_DATABASES'] names {alias!r}, which DATABASES has not.",
            hint=f"DATABASES has {', '.join(known) or 'none'}.",
            id="monitoring.E009",
        )
        for alias in _usable_settings().HEALTH_DATABASES
        if alias not in known
    ]


@register("monitoring")
def check_health_roles(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = _usable_settings()
    known = [*own_checks_with(*HealthRole), *dict(chosen.HEALTH_CHECKS)]
    roles = {"HEALTH_CRITICAL": chosen.HEALTH_CRITICAL, "HEALTH_READY": chosen.HEALTH_READY}
    return [
        checks.Warning(
            f"MONITORING[{setting!r}] names the health check {name!r}, which there is not.",
            hint=f"Known are {', '.join(known)}; checks of your own are named in HEALTH_CHECKS.",
            id="monitoring.W007",
        )
        for setting, names in roles.items()
        for name in names
        if name not in known
    ]


@register("monitoring", checks.Tags.database)
def check_tables(
    app_configs: AppConfigs, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Run by `check --database` and by `migrate`, which is about to mend what it would say."""
    alias = own_alias()
    if alias not in (databases or ()) or "migrate" in sys.argv[1:2]:
        return []
    try:
        seconds = _usable_settings().DATABASE_TIMEOUT_MS / 1000
        missing = ask(alias, missing_migrations, seconds)
    except DatabaseUnavailableError:
        return []  # which is not for this check to say
    if missing is None:
        missing = wanted_migrations(alias)
    names = sorted(f"{label}.{name}" for label, name in missing if label == APP_LABEL)
    if not names:
        return []
    return [
        checks.Warning(
            f"The database {alias!r} lacks migrations of this app: {', '.join(names)}. Alerts, "
            "thresholds and notifications answer 503 until then.",
            hint=f"Run {command_for(alias)}.",
            id="monitoring.W009",
        )
    ]


@register("monitoring")
def check_admin_pages(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    if not apps.is_installed("django.contrib.admin") or not (hidden_by := alerts_are_hidden_by()):
        return []
    return [
        checks.Warning(
            f"The admin does not show unread alerts: {hidden_by} comes before ours.",
            hint="Put this app before 'django.contrib.admin', and before a theme of the admin, "
            "in INSTALLED_APPS. Begin a template admin/base.html of your own with "
            '{% extends "admin/base.html" %}; if its blocks are others than Django\'s, put '
            "{% load monitoring_alerts %} and {% unread_alerts %} where the alerts shall be.",
            id="monitoring.W004",
        )
    ]


@register("monitoring")
def check_ssl_redirect(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    is_redirected = settings.SECURE_SSL_REDIRECT and any(
        name.endswith(".SecurityMiddleware") for name in settings.MIDDLEWARE
    )
    if not is_redirected or not getattr(settings, "ROOT_URLCONF", ""):
        return []
    exempt = [re.compile(pattern) for pattern in settings.SECURE_REDIRECT_EXEMPT]
    root = get_script_prefix().lstrip("/")
    paths = [
        root + url.path
        for url in our_urls()
        if url.name in _ASKED_BY_MACHINES
        and not any(pattern.search(root + url.path) for pattern in exempt)
    ]
    if not paths:
        return []
    shown = ", ".join(f'r"^{re.escape(path)}$"' for path in paths)
    return [
        checks.Warning(
            "SECURE_SSL_REDIRECT answers 301 to probes, scrapes and webhooks that come over plain "
            f"http: {', '.join(f'/{path}' for path in paths)}.",
            hint=f"SECURE_REDIRECT_EXEMPT = [{shown}]; or, if all of them come over https, add "
            "'monitoring.W011' to SILENCED_SYSTEM_CHECKS.",
            id="monitoring.W011",
        )
    ]


@register("monitoring")
def check_language_prefix(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    if not getattr(settings, "ROOT_URLCONF", "") or not any(
        url.in_language_prefix for url in our_urls()
    ):
        return []
    return [
        checks.Warning(
            "The addresses of health checks and scrapes depend on the language: monitoring.urls "
            "is mounted in i18n_patterns().",
            hint='Mount path("api/", include("monitoring.urls")) outside of i18n_patterns().',
            id="monitoring.W012",
        )
    ]


@register("monitoring")
def check_overlapping_urls(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    if not getattr(settings, "ROOT_URLCONF", ""):
        return []
    return [
        checks.Warning(
            f"{overlap.path} reaches {overlap.reached}, which hides "
            + (
                f"the endpoint {overlap.hidden.name!r} of monitoring.urls."
                if overlap.hidden.is_ours
                else "a URL of the project: monitoring.urls has the same path and stands before it."
            ),
            hint='Choose another prefix, such as path("monitoring/", include("monitoring.urls")), '
            "or another order of urlpatterns.",
            id="monitoring.W013",
        )
        for overlap in overlaps()
    ]


@register("monitoring")
def check_early_metrics(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    early = sorted(set(_metrics_of_another_value_class()))
    if not early:
        return []
    return [
        checks.Warning(
            f"These metrics were built before the app was set up and are not shared by the "
            f"processes: {', '.join(early[:10])}{' …' if len(early) > 10 else ''}.",
            hint="Put this app first in INSTALLED_APPS, or call monitoring.storage.install() "
            "before the module that builds them is imported.",
            id="monitoring.W003",
        )
    ]


def _metrics_of_another_value_class() -> Iterator[str]:
    for collector in list(REGISTRY._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            for value in _values_of(collector):
                if not isinstance(value, values.ValueClass):
                    yield collector._name


def _values_of(metric: MetricWrapperBase) -> Iterator[object]:
    """One value of the metric, or of one of its children."""
    children = getattr(metric, "_metrics", None)
    if children:
        metric = next(iter(children.values()))
    for attribute in ("_value", "_sum"):
        if hasattr(metric, attribute):
            yield getattr(metric, attribute)
