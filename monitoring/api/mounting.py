"""Mounts the endpoints: views load with their first request and are not counted as in progress.

Django REST framework takes half a second of CPU time and 24 MB of memory, which a worker saves
until an admin asks it. It is an extra: without it, the endpoints for admins answer 501.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from django.views import View

from monitoring.api.plain_json import EndpointError
from monitoring.conf.api_extra import NO_API, has_api
from monitoring.instruments.requests.recorder import request_recorder

__all__ = ["LazyView"]

PlainView = Callable[..., HttpResponse]
View_ = TypeVar("View_", bound=Callable[..., HttpResponseBase])


class LazyView:
    """Stands in a URLconf for `View.as_view()` of a Django REST framework view.

    `path` is the dotted path of the class. Code that inspects a URLconf (a schema generator) reads
    `cls` and `initkwargs`, as of DRF's own views. With `is_traffic` false, requests are not counted
    as in progress.
    """

    csrf_exempt = True  # DRF's session authentication checks the token
    login_required = False  # DRF's views answer 401, which LoginRequiredMiddleware makes a redirect
    initkwargs: dict[str, Any] = {}  # noqa: RUF012  (the arguments of `as_view()`)

    def __init__(self, path: str, *, is_traffic: bool = True) -> None:
        self.__module__, _, self.__name__ = path.rpartition(".")
        self.__qualname__ = self.__name__
        self._path = path
        self._is_traffic = is_traffic
        self._view: Callable[..., HttpResponseBase] | None = None

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self._is_traffic:
            _leave(request)
        view = self._view = self._view or self.cls.as_view()
        return view(request, *args, **kwargs)

    @property
    def cls(self) -> type[View]:
        found: type[View] = import_string(self._path)
        return found


def admin_view(name: str) -> LazyView:
    """One of our endpoints; `name` is the module and class in monitoring.api.

    No transaction is open while a view waits for servers.
    Views open their own transactions.
    """
    view = _AdminView(f"monitoring.api.{name}", is_traffic=False)
    return without_transactions(view)


class _OurView(LazyView):
    @property
    def cls(self) -> type[View]:
        if not has_api():
            raise AttributeError("cls")  # so that code that inspects a URLconf sees a plain view
        return super().cls


class _DescribedView(_OurView):
    """A plain Django view of ours; the class at `path` describes it to schema generators alone."""

    def __init__(self, view: str, path: str) -> None:
        super().__init__(path)
        self._plain = view

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _leave(request)
        answer: HttpResponseBase = import_string(self._plain)(request)
        return answer


class _AdminView(_OurView):
    """Answers 501 where the extra `api` is not installed."""

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().__call__(request, *args, **kwargs) if has_api() else _no_api(request)


def plain_view(name: str, description: str) -> LazyView:
    """One of our endpoints that needs no extra: a function; both names as in `admin_view`."""
    view = _DescribedView(f"monitoring.api.{name}", f"monitoring.api.{description}")
    return without_transactions(view)


def unlogged(response: HttpResponse) -> HttpResponse:
    """Keep Django from logging a 5xx that is an answer and no fault of the site.

    It logs each one as an error, and hosts mail errors or write them to their database: one for
    every probe or scrape.
    """
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark
    return response


def without_transactions(view: View_) -> View_:
    """Exclude the view from the ATOMIC_REQUESTS of every database."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def not_in_progress(view: PlainView) -> PlainView:
    """A public view that is not counted as in progress: a scrape would always count itself.

    The default of IGNORE_ROUTES leaves them out of the other metrics. What the project's prefix
    captures from the path is not for the view.
    """

    @wraps(view)
    def leave_first(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        _leave(request)
        return view(request)

    leave_first.login_required = False  # type: ignore[attr-defined]
    return leave_first


def without_body(view: PlainView) -> PlainView:
    """Answer HEAD without a body (RFC 9110, 9.3.2): gunicorn logs a warning otherwise."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        response = view(request)
        if request.method == "HEAD":
            response["Content-Length"] = str(len(response.content))
            response.content = b""
        return response

    return answer


@not_in_progress
@without_body
def _no_api(request: HttpRequest) -> HttpResponse:
    return unlogged(EndpointError(501, "not_installed", NO_API).response())


def _leave(request: HttpRequest) -> None:
    """Not in progress, and never kept by Django's cache of the whole site.

    That cache looks at `Cache-Control`, which older releases of Django read in part and which a
    middleware of the project may replace. This is its own mark of an answer that it must not keep.
    """
    request_recorder().leave(request)
    request._cache_update_cache = False  # type: ignore[attr-defined]
