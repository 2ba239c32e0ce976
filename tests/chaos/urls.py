"""The reference project's URLs, and a view whose code forks."""

import os
import stat
import time
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from project import urls

FORK = "/chaos/fork/"
_LIFE_SECONDS = 60


def fork(request: HttpRequest) -> HttpResponse:
    """As a project forks in the midst of its work; the answer is the child's pid."""
    child = os.fork()
    if child == 0:
        try:
            _live_on()
        finally:
            os._exit(0)
    return HttpResponse(str(child))


def _live_on() -> None:
    # Connections of other requests, which their clients wait to see closed.
    for descriptor in [int(file.name) for file in Path("/proc/self/fd").iterdir()]:
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.close(descriptor)
        except OSError:  # that of the listing
            continue
    time.sleep(_LIFE_SECONDS)


urlpatterns = [*urls.urlpatterns, path("chaos/", include(([path("fork/", fork)], "chaos")))]
