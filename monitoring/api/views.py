"""The HTTP endpoints."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitoring.api.access import may_scrape
from monitoring.api.tracking import untracked
from monitoring.conf import Settings, get_settings


@csrf_exempt  # it changes nothing; so a wrong method is a 405, whatever its token
@untracked
@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """The merged registry of every process that uses the metrics directory."""
    settings = get_settings()
    if not may_scrape(request, settings):
        return _refusal(request, settings)
    # Imported at the first scrape: numpy costs a worker that never answers one some megabytes.
    from monitoring.exposition.scrape import BusyError, scraper  # noqa: PLC0415

    try:
        answer = scraper().answer(request.headers, frozenset(request.GET.getlist("name[]")))
    except BusyError:
        return HttpResponse("busy\n", status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(answer.body, headers=answer.headers)


def _refusal(request: HttpRequest, settings: Settings) -> HttpResponse:
    if settings.SCRAPE_TOKEN and "Authorization" not in request.headers:
        return HttpResponse(
            "unauthorized\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HttpResponse("forbidden\n", status=403, content_type="text/plain; charset=utf-8")
