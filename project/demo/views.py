"""Views with known behaviour. They take any method, so that every label can be tried."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from django.core.cache import cache
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

_CHUNKS = 10
_LAST_ITEM = 1000


class DemoError(Exception):
    """What the error view raises."""


class _ParameterError(Exception):
    """A query parameter is invalid; the message is the answer's text."""


def _number(request: HttpRequest, name: str, default: int, lowest: int, highest: int) -> int:
    given = request.GET.get(name, str(default))
    if not (given.isascii() and given.isdigit() and lowest <= int(given[:9]) <= highest):
        raise _ParameterError(f"{name}: allowed is a whole number from {lowest} to {highest}\n")
    return int(given)


def _plain(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


@csrf_exempt
def ok(request: HttpRequest) -> HttpResponse:
    try:
        status = _number(request, "status", 200, 200, 599)
    except _ParameterError as problem:
        return _plain(str(problem), 400)
    return _plain("ok\n", status)


@csrf_exempt
def slow(request: HttpRequest) -> HttpResponse:
    try:
        milliseconds = _number(request, "ms", 100, 0, 10_000)
    except _ParameterError as problem:
        return _plain(str(problem), 400)
    time.sleep(milliseconds / 1000)
    return _plain(f"waited {milliseconds} ms\n")


@csrf_exempt
def error(request: HttpRequest) -> HttpResponse:
    raise DemoError("raised on purpose")


@csrf_exempt
def queries(request: HttpRequest) -> HttpResponse:
    try:
        count = _number(request, "n", 10, 0, 1000)
    except _ParameterError as problem:
        return _plain(str(problem), 400)
    with connection.cursor() as cursor:
        for number in range(count):
            cursor.execute("SELECT %s", [number])
            cursor.fetchone()
    return _plain(f"{count} queries\n")


@csrf_exempt
def cached(request: HttpRequest) -> HttpResponse:
    key = f"demo:{request.GET.get('key', 'default')[:100].encode().hex()}"
    value = cache.get(key)
    if value is None:
        cache.set(key, time.time(), timeout=60)
        return _plain("miss\n")
    return _plain("hit\n")


@csrf_exempt
def item(request: HttpRequest, pk: int) -> HttpResponse:
    if pk > _LAST_ITEM:
        raise Http404
    return _plain(f"item {pk}\n")


@csrf_exempt
def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Ten chunks, ?ms= milliseconds apart; async under ASGI, sync under WSGI."""
    milliseconds = request.GET.get("ms", "0")
    pause = min(int(milliseconds), 1000) / 1000 if milliseconds.isdecimal() else 0.0
    is_async = hasattr(request, "scope")
    chunks = _async_chunks(pause) if is_async else _chunks(pause)
    return StreamingHttpResponse(chunks, content_type="text/plain; charset=utf-8")


def _chunks(pause: float) -> Iterator[str]:
    for number in range(_CHUNKS):
        time.sleep(pause)
        yield f"chunk {number}\n"


async def _async_chunks(pause: float) -> AsyncIterator[str]:
    for number in range(_CHUNKS):
        await asyncio.sleep(pause)
        yield f"chunk {number}\n"


@csrf_exempt
async def async_ok(request: HttpRequest) -> HttpResponse:
    try:
        milliseconds = _number(request, "ms", 0, 0, 10_000)
    except _ParameterError as problem:
        return _plain(str(problem), 400)
    await asyncio.sleep(milliseconds / 1000)
    return _plain("ok\n")
