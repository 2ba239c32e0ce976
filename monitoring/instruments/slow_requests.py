"""Hands the details of slow requests to a thread: only slow requests pay for it."""

from collections.abc import Sequence
from functools import cache
from time import time

from django.http import HttpRequest

from monitoring.instruments.background import Background
from monitoring.slow_requests.details import SlowRequest, path_of, request_id_of
from monitoring.storage.directory import configured_directory

_WAITING = 1000


def keep_details(
    request: HttpRequest, method: str, route: str, status: int, seconds: float
) -> None:
    """Microseconds, no I/O."""
    details = SlowRequest(
        method=method,
        route=route[:300],
        path=path_of(request),
        status=status,
        duration_ms=round(1000 * seconds, 3),
        timestamp=round(time(), 3),
        request_id=request_id_of(request),
    )
    _background().put(details)


@cache
def _background() -> Background[SlowRequest]:
    return Background("monitoring-slow-requests", _write, _WAITING)


def _write(batch: Sequence[SlowRequest]) -> None:
    from monitoring.slow_requests.store import keep  # noqa: PLC0415  (at the first slow request)

    keep(configured_directory(), batch)
