"""How endpoints are mounted: loaded by the first request for them, and not counted in progress.

Django REST framework takes half a second of CPU time and 24 MB of memory: it is for admins, and a
worker that none of them asks does without.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from django.views import View

from monitoring.instruments.requests.recorder import request_recorder

__all__ = ["LazyView"]

PlainView = Callable[..., HttpResponse]


class LazyView:
    """Stands in a URLconf for `View.as_view()` of a Django REST framework view.

    `path` is the dotted path of the class. Those who look through a URLconf for such views ask for
    `cls` and `initkwargs`, and then get the class. With `is_traffic` false, its requests are not
    counted as in progress.
    """

    csrf_exempt = True  # the framework's own session authentication checks the token
    initkwargs: dict[str, Any] = {}  # noqa: RUF012  (what `as_view()` is given: nothing)

    def __init__(self, path: str, *, is_traffic: bool = True) -> None:
        self.__module__, _, self.__name__ = path.rpartition(".")
        self.__qualname__ = self.__name__
        self._path = path
        self._is_traffic = is_traffic
        self._view: Callable[..., HttpResponseBase] | None = None

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self._is_traffic:
            request_recorder().leave(request)
        view = self._view = self._view or self.cls.as_view()
        return view(request, *args, **kwargs)

    @property
    def cls(self) -> type[View]:
        found: type[View] = import_string(self._path)
        return found


def admin_view(name: str) -> LazyView:
    """An endpoint of ours, `name` being module and class in monitoring.api.

    Not in ATOMIC_REQUESTS's transaction: our views open their own around what belongs together, and
    ask servers outside of it.
    """
    view = LazyView(f"monitoring.api.{name}", is_traffic=False)
    return transaction.non_atomic_requests(view)


def untracked(view: PlainView) -> PlainView:
    """A view whose requests are not in progress: a scrape would always see itself.

    That they are not counted either is the default of IGNORE_ROUTES.
    """

    @wraps(view)
    def leave_first(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        request_recorder().leave(request)
        return view(request, *args, **kwargs)

    return leave_first
