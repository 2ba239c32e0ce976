"""Detects the end of a streamed response: its last byte, or a client that leaves early."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase


def watch_stream(
    response: HttpResponseBase, finish: Callable[[], None], count_exception: Callable[[], None]
) -> None:
    """Call `finish` once at the end of the response; `count_exception` first if its content raises.

    Usually the end of the content calls it, so that a response is counted before the client has all
    of it. `close` calls it otherwise: when a client leaves early, and for files, whose content is
    not wrapped so that the server can still use sendfile.
    """
    close = response.close
    finished = False

    def finish_once() -> None:
        nonlocal finished
        if not finished:
            finished = True
            finish()

    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        # django-stubs types streaming_content as a union of both kinds.
        if response.is_async:
            chunks = cast(AsyncIterator[bytes], response.streaming_content)
            response.streaming_content = _watch_async(chunks, finish_once, count_exception)
        else:
            parts = cast(Iterator[bytes], response.streaming_content)
            response.streaming_content = _watch_sync(parts, finish_once, count_exception)

    def close_and_finish() -> None:
        try:
            close()
        finally:
            finish_once()

    response.close = close_and_finish  # type: ignore[method-assign]


def _watch_sync(
    chunks: Iterator[bytes], finish: Callable[[], None], count_exception: Callable[[], None]
) -> Iterator[bytes]:
    try:
        yield from chunks
    except Exception:
        count_exception()
        raise
    finish()


async def _watch_async(
    chunks: AsyncIterator[bytes], finish: Callable[[], None], count_exception: Callable[[], None]
) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    except Exception:
        count_exception()
        raise
    finish()
