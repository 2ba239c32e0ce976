"""A middleware of test sites: each answer says which process gave it."""

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tests.load.client import SERVED_BY


def served_by(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response[SERVED_BY] = str(os.getpid())
        return response

    return answer
