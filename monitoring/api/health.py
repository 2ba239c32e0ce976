"""The public health endpoints, for load balancers, Kubernetes and people.

They are plain Django views, and need neither session nor user: both may need the database. Only who
has credentials is asked for them, after the checks, and only if there are Celery workers to name.
"""

import time
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitoring.alerts.admins import has_credentials
from monitoring.api.mounting import PlainView, not_in_progress, unlogged, without_transactions
from monitoring.conf import get_settings
from monitoring.health import catalogue
from monitoring.health.examiner import examiner
from monitoring.health.findings import (
    Report,
    Status,
    for_the_public,
    has_workers,
    site_report,
    to_json,
    to_text,
)

_JSON, _TEXT = "application/json", "text/plain"


def _without_body(view: PlainView) -> PlainView:
    """Answer HEAD without a body (RFC 9110, 9.3.2): gunicorn logs a warning otherwise."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        response = view(request)
        if request.method == "HEAD":
            response["Content-Length"] = str(len(response.content))
            response.content = b""
        return response

    return answer


def _endpoint(view: PlainView) -> PlainView:
    """Public and read-only; no transaction, because ATOMIC_REQUESTS would need the database."""
    return without_transactions(csrf_exempt(not_in_progress(require_safe(_without_body(view)))))


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
    due = _due()
    return _answer(request, examiner().examine(checks, get_settings().HEALTH_CRITICAL), due)


@_endpoint
def ready(request: HttpRequest) -> HttpResponse:
    """Run the checks of HEALTH_READY, all of them critical: can this process serve requests?"""
    wanted = get_settings().HEALTH_READY
    due = _due()
    return _answer(request, examiner().examine(catalogue.checks_of_settings(wanted), wanted), due)


@_endpoint
def live(request: HttpRequest) -> HttpResponse:
    """Show that the process answers. Needs no dependency, file or lock."""
    return _answer(request, site_report({}, (), time.time()), _due())


def _due() -> float:
    """When an answer that begins now is due, in monotonic seconds."""
    return time.monotonic() + get_settings().HEALTH_TIMEOUT_MS / 1000


def _may_see_hosts(request: HttpRequest, due: float) -> bool:
    if get_settings().HEALTH_WORKER_HOSTS:
        return True
    if not has_credentials(request):
        return False
    # Here, because a worker that no admin asks does without Django REST framework.
    from monitoring.api.base import comes_from_admin  # noqa: PLC0415

    return comes_from_admin(request, due)


def _answer(request: HttpRequest, report: Report, due: float) -> HttpResponse:
    if has_workers(report) and not _may_see_hosts(request, due):
        report = for_the_public(report)
    status = 503 if report.status == Status.UNHEALTHY else 200
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Authorization, Cookie"}
    response: HttpResponse
    if request.get_preferred_type([_JSON, _TEXT]) == _TEXT:
        response = HttpResponse(
            to_text(report), status=status, headers=headers, content_type=f"{_TEXT}; charset=utf-8"
        )
    else:
        response = JsonResponse(to_json(report), status=status, headers=headers)
    return unlogged(response)  # the examiner logs when a check becomes unhealthy


def _refuse(count: int) -> HttpResponse:
    known = ", ".join(catalogue.known_names())
    error: dict[str, Any] = {
        "code": "invalid",
        "message": "The request is not valid; see fields.",
        "fields": {"check": [f"{count} not known; allowed are {known}."]},
    }
    return JsonResponse({"error": error}, status=400, headers={"Cache-Control": "no-store"})
