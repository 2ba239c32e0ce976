"""The public health endpoints, for load balancers, Kubernetes and people.

They are plain Django views, and need neither session nor user, because both may need the database.
Celery's workers have their full names in the answer only if an admin asks.
"""

import time
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitoring.api.asker import asker
from monitoring.api.mounting import (
    PlainView,
    not_in_progress,
    unlogged,
    without_body,
    without_transactions,
)
from monitoring.api.plain_json import InvalidFieldsError
from monitoring.conf import get_settings
from monitoring.conf.health_table import DATABASE
from monitoring.health import catalogue
from monitoring.health.examiner import examiner
from monitoring.health.findings import (
    Check,
    Report,
    Status,
    for_the_public,
    has_workers,
    site_report,
    to_json,
    to_text,
)

_JSON, _TEXT = "application/json", "text/plain"


def _endpoint(view: PlainView) -> PlainView:
    """Public and read-only; no transaction, because ATOMIC_REQUESTS would need the database."""
    return without_transactions(csrf_exempt(not_in_progress(require_safe(without_body(view)))))


@_endpoint
def health(request: HttpRequest) -> HttpResponse:
    """Run all checks, or those of `?check=`. 503 only if a critical check is unhealthy."""
    given = [name for value in request.GET.getlist("check") for name in value.split(",")]
    if unknown := [name for name in given if name not in catalogue.known_names()]:
        return _refuse(len(unknown))
    checks = (
        catalogue.checks_named(given)
        if given
        else catalogue.checks_of_settings(catalogue.covered_names())
    )
    return _examined(request, checks, get_settings().HEALTH_CRITICAL)


@_endpoint
def ready(request: HttpRequest) -> HttpResponse:
    """Run the checks of HEALTH_READY, all of them critical: can this process serve requests?"""
    wanted = get_settings().HEALTH_READY
    return _examined(request, catalogue.checks_of_settings(wanted), wanted)


@_endpoint
def live(request: HttpRequest) -> HttpResponse:
    """Show that the process answers. Needs no dependency, file or lock."""
    return _answer(request, site_report({}, (), time.time()), time.monotonic())


def _examined(
    request: HttpRequest, checks: Iterable[Check], critical: Iterable[str]
) -> HttpResponse:
    deadline = time.monotonic() + get_settings().HEALTH_TIMEOUT_MS / 1000
    return _answer(request, examiner().examine(checks, critical), deadline)


def _answer(request: HttpRequest, report: Report, deadline: float) -> HttpResponse:
    status = 503 if report.status == Status.UNHEALTHY else 200
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Cookie, Authorization"}
    response: HttpResponse
    if request.get_preferred_type([_JSON, _TEXT]) == _TEXT:  # names no worker
        response = HttpResponse(
            to_text(report), status=status, headers=headers, content_type=f"{_TEXT}; charset=utf-8"
        )
    else:
        if not _may_see_hosts(request, report, deadline):
            report = for_the_public(report)
        response = JsonResponse(to_json(report), status=status, headers=headers)
    return unlogged(response)  # the examiner logs when a check becomes unhealthy


def _may_see_hosts(request: HttpRequest, report: Report, deadline: float) -> bool:
    """Nobody is looked up for nothing, or in a database that is known not to answer."""
    if get_settings().HEALTH_WORKER_HOSTS or not has_workers(report):
        return True
    database = report.results.get(DATABASE)
    if database is not None and database.status == Status.UNHEALTHY:
        return False
    return asker().is_admin(request, deadline)


def _refuse(count: int) -> HttpResponse:
    known = ", ".join(catalogue.known_names())
    return InvalidFieldsError({"check": [f"{count} not known; allowed are {known}."]}).response()
