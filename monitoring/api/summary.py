"""GET /api/metrics/: the figures of a window for admins."""

import time

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring import sessions
from monitoring.api.base import AdminView
from monitoring.api.errors import ServiceUnavailable
from monitoring.api.serializers import ERRORS, UNAVAILABLE, WINDOW, SummarySerializer
from monitoring.conf import get_settings
from monitoring.slow_requests import store
from monitoring.storage.directory import configured_directory
from monitoring.summary.traffic import SourceUnavailableError
from monitoring.summary.window import (
    LOCAL_SECONDS,
    MOST_SECONDS,
    Window,
    WindowError,
    parse_window,
)

SLOW_REQUESTS = 10


def window_of(request: Request) -> Window:
    """The `window` parameter, as long as the source can tell. Raises ValidationError."""
    most = MOST_SECONDS if get_settings().PROMETHEUS_URL else LOCAL_SECONDS
    given = request.query_params.get("window")
    try:
        return Window() if given is None else parse_window(given, most)
    except WindowError as error:
        raise ValidationError({"window": [str(error)]}) from None


class SummaryView(AdminView):
    """Requests, times and errors of a window."""

    @extend_schema(
        operation_id="metrics_summary",
        parameters=[WINDOW],
        responses={200: SummarySerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        # Imported at the first summary: numpy costs a worker that never answers one.
        from monitoring.summary.figures import figures  # noqa: PLC0415
        from monitoring.summary.sources import read_traffic  # noqa: PLC0415

        window = window_of(request)
        try:
            traffic, fallback_reason = read_traffic(window)
        except SourceUnavailableError as error:
            raise ServiceUnavailable(str(error), error.code) from error
        active, reason = sessions.count_active()
        return Response(
            {
                **figures(traffic),
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
                    for slow in store.last(configured_directory(), SLOW_REQUESTS)
                ],
                "window": {
                    "requested_seconds": window.seconds,
                    "covered_seconds": traffic.covered_seconds,
                },
                "fallback_reason": fallback_reason,
                "unavailable": {"active_sessions": reason} if reason else {},
                "timestamp": time.time(),
            }
        )
