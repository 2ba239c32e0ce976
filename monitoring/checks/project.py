"""Checks of the project around the app: its middlewares, URLs, admin, users and tables."""

import re
import sys
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.urls import get_script_prefix

from monitoring.alerts.admins import missing_flags, user_model
from monitoring.api.mounted import our_urls, overlaps
from monitoring.backing_services.database_probe import ask
from monitoring.backing_services.migration_state import (
    command_for,
    missing_migrations,
    wanted_migrations,
)
from monitoring.checks.configuration import AppConfigs, problem_of_function, usable_settings
from monitoring.conf import APP_LABEL
from monitoring.conf.api_extra import NO_API, has_api
from monitoring.errors import DatabaseUnavailableError
from monitoring.models import own_alias
from monitoring.page.base_template import alerts_are_hidden_by

_ASKED_BY_MACHINES = ("health", "health-live", "health-ready", "scrape", "webhook")
_MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"
# It opens a span and answers nothing. Exemplars need the span, so it stands first.
_TRACER = "opentelemetry."


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
def check_extras(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    if has_api() or not getattr(settings, "ROOT_URLCONF", "") or not our_urls():
        return []
    return [
        checks.Info(
            NO_API,
            hint="Or, if scrapes, health checks and the webhook are all that you need, add "
            "'monitoring.I001' to SILENCED_SYSTEM_CHECKS.",
            id="monitoring.I001",
        )
    ]


@register("monitoring")
def check_users(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    model, named = user_model(), dict(usable_settings().ADMINS)
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
        if (problem := problem_of_function(path, may_be_async=False))
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


@register("monitoring", checks.Tags.database)
def check_tables(
    app_configs: AppConfigs, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Run by `check --database` and by `migrate`, which is about to mend what it would say."""
    alias = own_alias()
    if alias not in (databases or ()) or "migrate" in sys.argv[1:2]:
        return []
    try:
        seconds = usable_settings().DATABASE_TIMEOUT_MS / 1000
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
