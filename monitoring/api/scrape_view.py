"""GET /api/metrics/prometheus/: the merged registry, for clients that may scrape."""

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitoring.api.mounting import untracked
from monitoring.conf import Settings, get_settings
from monitoring.exposition.access import is_bearer, is_in_networks
from monitoring.primitives.per_process import per_process
from monitoring.storage.directory import configured_directory

if TYPE_CHECKING:
    from monitoring.exposition.scrape import Scraper


@csrf_exempt  # so that a wrong method gets a 405 and not a CSRF error
@untracked
@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """The merged registry of every process that uses the metrics directory."""
    settings = get_settings()
    if not may_scrape(request, settings):
        return _refusal(request, settings)
    # Imported at the first scrape: a worker that answers none saves numpy's memory.
    from monitoring.exposition.scrape import BusyError  # noqa: PLC0415

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


def may_scrape(request: HttpRequest, settings: Settings) -> bool:
    """Whether SCRAPE_ALLOWED_NETWORKS and SCRAPE_TOKEN, if set, allow the request."""
    address = request.META.get("REMOTE_ADDR", "")
    if not is_in_networks(address, settings.SCRAPE_ALLOWED_NETWORKS):
        return False
    token = settings.SCRAPE_TOKEN
    return not token or is_bearer(request.headers.get("Authorization", ""), token)


@per_process
def scraper() -> "Scraper":
    """This process's scraper of the metrics directory."""
    from monitoring.alerts.threshold_gauges import ThresholdGauges  # noqa: PLC0415  (as in `scrape`)
    from monitoring.exposition.scrape import Scraper  # noqa: PLC0415
    from monitoring.figures.summary_gauges import SummaryGauges  # noqa: PLC0415

    directory = configured_directory()
    return Scraper(directory, [SummaryGauges(directory), ThresholdGauges(directory)])
