"""GET /api/metrics/database/ and /cache/: the figures of a window, and the current state."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.base import AdminView
from monitoring.api.database_gate import DATABASE_UNAVAILABLE
from monitoring.api.error_answers import ERRORS, UNAVAILABLE
from monitoring.api.figure_serializers import (
    METHOD,
    ROUTE,
    WINDOW,
    CacheSerializer,
    DatabaseSerializer,
)
from monitoring.api.openapi import described
from monitoring.api.plain_json import UnavailableError
from monitoring.api.summary import selection_of, window_of
from monitoring.backing_services.redis_info import redis_info, redis_servers
from monitoring.conf import get_settings
from monitoring.errors import DatabaseUnavailableError, RedisUnavailableError
from monitoring.figures.ranking import EVERY
from monitoring.figures.recent_queries import recent
from monitoring.figures.traffic import LOCAL
from monitoring.figures.window import LOCAL_SECONDS, Window
from monitoring.instruments.databases.log_place import log_path
from monitoring.instruments.databases.query_log import REPEATED, SLOW

if TYPE_CHECKING:
    from monitoring.figures.local_source import Counted


class DatabaseView(AdminView):
    """Queries of a window; connections and tables now."""

    @described(
        operation_id="metrics_database",
        parameters=[WINDOW, METHOD, ROUTE],
        responses={200: DatabaseSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        from monitoring.figures.database_figures import database_figures  # noqa: PLC0415  (numpy)
        from monitoring.figures.database_state import database_state  # noqa: PLC0415
        from monitoring.figures.sources import read_counted  # noqa: PLC0415

        window = window_of(request, LOCAL_SECONDS)
        selection = selection_of(request) or EVERY
        counted = read_counted(window)
        try:
            state = database_state(counted.merged, self.seconds_left())
        except DatabaseUnavailableError as error:
            raise UnavailableError(str(error), DATABASE_UNAVAILABLE) from error
        log = log_path(get_settings())
        return Response(
            {
                **database_figures(counted.lines, counted.added),
                "slow_queries": recent(log, SLOW, selection),
                "repeated_queries": recent(log, REPEATED, selection),
                **state,
                **_about(window, counted),
            }
        )


class CacheView(AdminView):
    """Cache operations of a window; Redis now."""

    @described(
        operation_id="metrics_cache",
        parameters=[WINDOW],
        responses={200: CacheSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        from monitoring.figures.cache_figures import cache_figures  # noqa: PLC0415  (numpy)
        from monitoring.figures.sources import read_counted  # noqa: PLC0415

        window = window_of(request, LOCAL_SECONDS)
        counted = read_counted(window)
        servers: dict[str, dict[str, Any] | None] = {}
        unavailable: dict[str, str] = {}
        for server in redis_servers():
            servers[server.name] = None
            try:
                servers[server.name] = asdict(redis_info(server, self.seconds_left()))
            except RedisUnavailableError as error:
                unavailable[server.name] = str(error)
        if not servers:
            unavailable["redis"] = "no cache of CACHES is Redis"
        return Response(
            {
                **cache_figures(counted.lines, counted.added, list(django_settings.CACHES)),
                "redis": next(iter(servers.values()), None),
                "redis_servers": servers,
                "unavailable": unavailable,
                **_about(window, counted),
            }
        )


def _about(window: Window, counted: "Counted") -> dict[str, Any]:
    return {
        "window": {
            "requested_seconds": window.seconds,
            "covered_seconds": counted.covered_seconds,
        },
        "source": LOCAL,
        "timestamp": time.time(),
    }
