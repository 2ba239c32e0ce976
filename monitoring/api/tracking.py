"""Keeps our own endpoints out of the traffic figures."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse

from monitoring.instruments.requests import request_recorder

View = Callable[..., HttpResponse]


def untracked(view: View) -> View:
    """A view whose requests are not in progress: a scrape would always see itself.

    That they are not counted either is the default of IGNORE_ROUTES.
    """

    @wraps(view)
    def leave_first(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        request_recorder().leave(request)
        return view(request, *args, **kwargs)

    return leave_first
