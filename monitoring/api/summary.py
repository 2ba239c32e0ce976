"""GET /api/metrics/ and /series/: the figures of a window, and its chart points."""

import time

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.base import AdminView
from monitoring.api.error_answers import ERRORS, UNAVAILABLE
from monitoring.api.figure_serializers import (
    ENDPOINTS,
    SLOW_REQUESTS,
    SORT,
    WINDOW,
    SeriesSerializer,
    SummarySerializer,
)
from monitoring.api.openapi import described
from monitoring.conf import get_settings
from monitoring.figures.ranking import DEFAULT_ENDPOINTS, MOST_ENDPOINTS, SORTS, TOTAL, Ranking
from monitoring.figures.traffic import LOCAL
from monitoring.figures.window import LOCAL_SECONDS, MOST_SECONDS, Window, WindowError, parse_window
from monitoring.instruments.requests import sessions, slow_requests
from monitoring.primitives.platform import processes
from monitoring.storage.directory import configured_directory


def window_of(request: Request, most: float) -> Window:
    """The `window` parameter, at most `most` seconds. Raises ValidationError."""
    given = request.query_params.get("window")
    try:
        return Window() if given is None else parse_window(given, most)
    except WindowError as error:
        raise ValidationError({"window": [str(error)]}) from None


def _traffic_window(request: Request) -> Window:
    """As long as the source of traffic allows: a Prometheus has its own history."""
    return window_of(request, MOST_SECONDS if get_settings().PROMETHEUS_URL else LOCAL_SECONDS)


def _ranking_of(request: Request) -> Ranking:
    """The parameters `endpoints` and `sort`. Raises ValidationError."""
    most = request.query_params.get("endpoints", str(DEFAULT_ENDPOINTS))
    sort = request.query_params.get("sort", TOTAL)
    wrong: dict[str, list[str]] = {}
    if not (most.isascii() and most.isdigit() and len(most) < 10 and int(most) <= MOST_ENDPOINTS):
        wrong["endpoints"] = [f"allowed is a whole number from 0 to {MOST_ENDPOINTS}"]
    if sort not in SORTS:
        wrong["sort"] = [f"allowed is one of {', '.join(SORTS)}"]
    if wrong:
        raise ValidationError(wrong)
    return Ranking(sort, int(most))


class SummaryView(AdminView):
    """Requests, times and errors of a window."""

    @described(
        operation_id="metrics_summary",
        parameters=[WINDOW, ENDPOINTS, SORT],
        responses={200: SummarySerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        # Imported at the first summary: a worker that answers none saves numpy's memory.
        from monitoring.figures.request_figures import request_figures  # noqa: PLC0415
        from monitoring.figures.sources import read_traffic  # noqa: PLC0415

        window, ranking = _traffic_window(request), _ranking_of(request)
        traffic, fallback_reason = read_traffic(window, ranking)
        active, reason = sessions.count_active()
        figures = request_figures(traffic)
        if reason:
            figures["unavailable"]["active_sessions"] = reason
        if traffic.source == LOCAL and (why := processes.why_unknown()):
            figures["unavailable"]["workers"] = why
        return Response(
            {
                **figures,
                "active_sessions": active,
                "slow_requests": [
                    {
                        "method": slow.method,
                        "route": slow.route,
                        "path": slow.path,
                        "status": slow.status,
                        "duration_ms": slow.duration_ms,
                        "timestamp": slow.timestamp,
                        "request_id": slow.request_id,
                    }
                    for slow in slow_requests.last(configured_directory(), SLOW_REQUESTS)
                ],
                "window": {
                    "requested_seconds": window.seconds,
                    "covered_seconds": traffic.covered_seconds,
                    "endpoints_covered_seconds": traffic.endpoints.covered_seconds,
                },
                "fallback_reason": fallback_reason,
                "timestamp": time.time(),
            }
        )


class SeriesView(AdminView):
    """Traffic, errors and percentiles over a window, in at most 120 points."""

    @described(
        operation_id="metrics_series",
        parameters=[WINDOW],
        responses={200: SeriesSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        from monitoring.figures.intervals import (  # noqa: PLC0415
            latency_histogram,
            points,
            unavailable,
        )
        from monitoring.figures.sources import read_intervals  # noqa: PLC0415  (numpy)

        window = _traffic_window(request)
        found, fallback_reason = read_intervals(window)
        return Response(
            {
                "points": points(found.intervals),
                "step_seconds": found.step_seconds,
                "histogram": latency_histogram(found.duration),
                "window": {
                    "requested_seconds": window.seconds,
                    "covered_seconds": found.covered_seconds,
                },
                "source": found.source,
                "unavailable": unavailable(found.intervals),
                "fallback_reason": fallback_reason,
                "timestamp": time.time(),
            }
        )
