"""A minimal site: a request here costs only Django's handler and the middleware."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


class ViewError(Exception):
    """What the failing views raise."""


def ok(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(b"ok")


async def async_ok(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(b"ok")


def error(request: HttpRequest) -> HttpResponse:
    raise ViewError


async def async_error(request: HttpRequest) -> HttpResponse:
    raise ViewError


urlpatterns = [
    path("ok/<int:pk>/", ok),
    path("error/", error),
    path("async/ok/<int:pk>/", async_ok),
    path("async/error/", async_error),
]


# Django's own error pages render templates, which would hide the cost that is measured.
def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse(b"not found", status=404)


def handler500(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"error", status=500)
