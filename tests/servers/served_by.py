"""A middleware of test sites: each answer says which process gave it."""

import os
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from tests.load.client import SERVED_BY


@sync_and_async_middleware
def served_by(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def signed(response: HttpResponse) -> HttpResponse:
        response[SERVED_BY] = str(os.getpid())
        return response

    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            return signed(await get_response(request))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        return signed(get_response(request))

    return answer
