"""The HTTP endpoints."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from monitoring.api.access import may_scrape
from monitoring.api.tracking import untracked
from monitoring.conf import get_settings


@untracked
@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """The merged registry of every process that uses the metrics directory."""
    # Imported at the first scrape: numpy costs a worker that never answers one some megabytes.
    from monitoring.exposition.scrape import scraper  # noqa: PLC0415
    from monitoring.exposition.text import CONTENT_TYPE  # noqa: PLC0415

    settings = get_settings()
    if not may_scrape(request, settings):
        has_credentials = "Authorization" in request.headers or not settings.SCRAPE_TOKEN
        response = HttpResponse("forbidden\n" if has_credentials else "unauthorized\n")
        response.status_code = 403 if has_credentials else 401
        response["Content-Type"] = "text/plain; charset=utf-8"
        if not has_credentials:
            response["WWW-Authenticate"] = "Bearer"
        return response
    body = scraper().scrape(frozenset(request.GET.getlist("name[]")))
    return HttpResponse(body, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
