"""GET /api/metrics/prometheus/: the merged registry, for clients that may scrape."""

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from monitoring.api.mounting import not_in_progress, unlogged, without_transactions
from monitoring.conf import get_settings
from monitoring.errors import MetricsDirectoryError
from monitoring.exposition.access import ScrapeAccess
from monitoring.primitives.per_process import per_process
from monitoring.storage.directory import configured_directory
from monitoring.storage.self_report import report_failure

if TYPE_CHECKING:
    from monitoring.exposition.scrape import Scraper


@without_transactions  # a scrape answers without the database
@csrf_exempt  # so that a wrong method gets a 405 and not a CSRF error
@not_in_progress
@cache_control(no_store=True)  # refusals, too
@require_safe
def scrape(request: HttpRequest) -> HttpResponse:
    """The merged registry of every process that uses the metrics directory."""
    settings = get_settings()
    access = ScrapeAccess(settings.SCRAPE_TOKEN, networks=settings.SCRAPE_ALLOWED_NETWORKS)
    address = request.META.get("REMOTE_ADDR", "")
    authorization = request.headers.get("Authorization", "")
    if not (access.is_from_allowed_network(address) and access.permits(authorization)):
        return _refusal(request, access)
    # Imported at the first scrape: a worker that answers none saves numpy's memory.
    from monitoring.exposition.scrape import BusyError  # noqa: PLC0415

    try:
        answer = scraper().answer(request.headers, frozenset(request.GET.getlist("name[]")))
    except BusyError:
        return unlogged(_unavailable("busy"))
    except (OSError, MetricsDirectoryError):
        report_failure("the scrape has no figures")
        return unlogged(_unavailable("the metrics directory cannot be read"))
    return HttpResponse(answer.body, headers=answer.headers)


def _unavailable(why: str) -> HttpResponse:
    return HttpResponse(f"{why}\n", status=503, content_type="text/plain; charset=utf-8")


def _refusal(request: HttpRequest, access: ScrapeAccess) -> HttpResponse:
    if access.bearer_token and "Authorization" not in request.headers:
        return HttpResponse(
            "unauthorized\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": access.challenge},
        )
    return HttpResponse("forbidden\n", status=403, content_type="text/plain; charset=utf-8")


@per_process
def scraper() -> "Scraper":
    """This process's scraper of the metrics directory."""
    from monitoring.alerts.threshold_gauges import ThresholdGauges  # noqa: PLC0415  (as in `scrape`)
    from monitoring.exposition.scrape import Scraper  # noqa: PLC0415
    from monitoring.figures.summary_gauges import SummaryGauges  # noqa: PLC0415

    directory = configured_directory()
    return Scraper(directory, [SummaryGauges(directory), ThresholdGauges(directory)])
