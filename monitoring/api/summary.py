"""GET /api/metrics/ and /series/: the figures of a window, and its chart points."""

import time

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.base import AdminView
from monitoring.api.error_answers import ERRORS, UNAVAILABLE
from monitoring.api.figure_serializers import (
    ENDPOINTS,
    METHOD,
    MOST_CHARACTERS,
    ROUTE,
    SLOW_REQUESTS,
    SORT,
    WINDOW,
    SeriesSerializer,
    SummarySerializer,
)
from monitoring.api.openapi import described
from monitoring.conf import get_settings
from monitoring.figures.ranking import (
    DEFAULT_ENDPOINTS,
    EVERY,
    MOST_ENDPOINTS,
    SORTS,
    TOTAL,
    Ranking,
    Selection,
)
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


def selection_of(request: Request) -> Selection | None:
    """The parameters `method` and `route`; None without either. Raises ValidationError."""
    given = {name: request.query_params.get(name) for name in ("method", "route")}
    wrong = {
        name: [f"allowed are 1 to {MOST_CHARACTERS} characters, as `endpoints` has them"]
        for name, value in given.items()
        if value is not None and not 0 < len(value) <= MOST_CHARACTERS
    }
    if wrong:
        raise ValidationError(wrong)
    return Selection(**given) if any(given.values()) else None


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
    return Ranking(sort, int(most), selection_of(request) or EVERY)


class SummaryView(AdminView):
    """Requests, times and errors of a window."""

    @described(
        operation_id="metrics_summary",
        parameters=[WINDOW, ENDPOINTS, SORT, METHOD, ROUTE],
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
                    for slow in slow_requests.last(
                        configured_directory(), SLOW_REQUESTS, ranking.selection.has
                    )
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
        parameters=[WINDOW, METHOD, ROUTE],
        responses={200: SeriesSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        from monitoring.figures.intervals import (  # noqa: PLC0415
            latency_histogram,
            points,
            unavailable,
        )
        from monitoring.figures.sources import read_intervals  # noqa: PLC0415  (numpy)

        window, selection = _traffic_window(request), selection_of(request)
        found, fallback_reason = read_intervals(window, selection)
        reasons = unavailable(found.intervals)
        if not found.is_known:
            reasons["points"] = f"no request of {selection} is known"
        return Response(
            {
                "points": points(found.intervals, is_fine=found.is_fine),
                "step_seconds": found.step_seconds,
                "histogram": latency_histogram(found.duration),
                "window": {
                    "requested_seconds": window.seconds,
                    "covered_seconds": found.covered_seconds,
                },
                "source": found.source,
                "unavailable": reasons,
                "fallback_reason": fallback_reason,
                "timestamp": time.time(),
            }
        )
