"""GET /api/metrics/series/: a window in points for charts, and its latency histogram."""

import time

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.base import AdminView
from monitoring.api.errors import ServiceUnavailable
from monitoring.api.serializers import ERRORS, UNAVAILABLE, WINDOW
from monitoring.api.series_serializers import SeriesSerializer
from monitoring.api.summary import window_of
from monitoring.summary.traffic import SourceUnavailableError


class SeriesView(AdminView):
    """Traffic, errors and percentiles over a window, in at most 120 points."""

    @extend_schema(
        operation_id="metrics_series",
        parameters=[WINDOW],
        responses={200: SeriesSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        from monitoring.summary.intervals import latency_histogram, points  # noqa: PLC0415
        from monitoring.summary.sources import read_intervals  # noqa: PLC0415  (numpy)

        window = window_of(request)
        try:
            found, fallback_reason = read_intervals(window)
        except SourceUnavailableError as error:
            raise ServiceUnavailable(str(error), error.code) from error
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
                "fallback_reason": fallback_reason,
                "timestamp": time.time(),
            }
        )
