"""Views that sleep, and timers outside and inside of our middleware: see sleeping_settings."""

import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

ROUTES = {f"/sleep/{ms}/": float(ms) for ms in ("0.2", "1", "5", "50", "900")}

View = Callable[[HttpRequest], HttpResponse]


def outside(get_response: View) -> View:
    return _timed("outside", get_response)


def inside(get_response: View) -> View:
    return _timed("inside", get_response)


def _timed(where: str, get_response: View) -> View:
    """Appends a line of place, path and seconds to the file RAW_TIMES for each request."""
    descriptor = os.open(os.environ["RAW_TIMES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - started
        if request.path in ROUTES:
            # Afterwards: what the writing takes is in the time outside of it.
            os.write(descriptor, f"{where} {request.path} {seconds!r}\n".encode())
        return response

    return middleware


def _sleeping(milliseconds: float) -> View:
    def sleep(request: HttpRequest) -> HttpResponse:
        time.sleep(milliseconds * float(request.GET.get("times", "1")) / 1000)
        return HttpResponse(b"slept")

    return sleep


urlpatterns = [
    path("api/", include("monitoring.urls")),
    *(path(route[1:], _sleeping(milliseconds)) for route, milliseconds in ROUTES.items()),
]
