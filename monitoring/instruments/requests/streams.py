"""When a streamed response ends: at its last byte, or when the client leaves before it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase


def watch_stream(
    response: HttpResponseBase, finish: Callable[[], None], count_exception: Callable[[], None]
) -> None:
    """Call `finish` once when the response ends, and before it `count_exception` if it breaks off.

    The end of the content comes first: the client then cannot have the whole answer before it is
    counted. Closing the response covers the rest: a client that leaves, and files, whose content
    is left alone so that the server's sendfile stays in use.
    """
    finished = False

    def finish_once() -> None:
        nonlocal finished
        if not finished:
            finished = True
            finish()

    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        # django-stubs gives streaming_content the union of both kinds.
        if response.is_async:
            chunks = cast(AsyncIterator[bytes], response.streaming_content)
            response.streaming_content = _watch_async(chunks, finish_once, count_exception)
        else:
            parts = cast(Iterator[bytes], response.streaming_content)
            response.streaming_content = _watch_sync(parts, finish_once, count_exception)
    close = response.close

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
