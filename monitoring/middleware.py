"""Counts and times every request, in sync and async stacks alike. List it first in MIDDLEWARE."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from monitoring.instruments.requests.recorder import CLIENT_CLOSED_REQUEST, request_recorder
from monitoring.instruments.requests.streams import watch_stream
from monitoring.storage.self_report import report_error
from monitoring.storage.worker_start import attach_worker

__all__ = ["PerformanceMonitoringMiddleware"]


class PerformanceMonitoringMiddleware:
    """Counts each request once, whatever its end. Its own errors never reach the request.

    A request that is run within another one, in the same thread or task, is a part of that one.

    A streamed answer is counted when it ends or when the client leaves, with the time until then.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        self._recorder = request_recorder()
        attach_worker()
        got_request_exception.connect(count_exception)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._call_async(request)
        try:
            started = self._recorder.begin(request)
        except BaseException:  # of a signal handler
            self._recorder.abandon(request)
            raise
        if started is None:
            return cast(HttpResponseBase, self.get_response(request))
        try:
            response = cast(HttpResponseBase, self.get_response(request))
        except BaseException as error:
            try:
                self._recorder.finish(request, started, _status_of(error))
            except BaseException:  # of a signal handler: it goes on once the request is counted
                self._recorder.complete(request, started, _status_of(error))
                raise
            raise
        try:
            self._finish(request, started, response)
        except BaseException:  # as above
            self._recorder.complete(request, started, response.status_code)
            raise
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            started = self._recorder.begin(request)
        except BaseException:  # of a signal handler
            self._recorder.abandon(request)
            raise
        if started is None:
            return cast(HttpResponseBase, await self.get_response(request))
        try:
            response = cast(HttpResponseBase, await self.get_response(request))
        except BaseException as error:
            try:
                self._recorder.finish(request, started, _status_of(error))
            except BaseException:  # of a signal handler: it goes on once the request is counted
                self._recorder.complete(request, started, _status_of(error))
                raise
            raise
        try:
            self._finish(request, started, response)
        except BaseException:  # as above
            self._recorder.complete(request, started, response.status_code)
            raise
        return response

    def _finish(self, request: HttpRequest, started: float, response: HttpResponseBase) -> None:
        # A middleware that forgets its answer gives None, which Django fails on.
        status = getattr(response, "status_code", 500)
        if not getattr(response, "streaming", False):
            self._recorder.finish(request, started, status)
            return
        self._recorder.begin_stream(request)
        try:
            watch_stream(
                response,
                lambda: self._count(request, started, response.status_code),
                lambda: self._recorder.count_exception(request),
            )
        except Exception:  # a class of the project's that only looks like a stream
            report_error("the end of a stream cannot be found")
            self._recorder.finish(request, started, status)

    def _count(self, request: HttpRequest, started: float, status: int) -> None:
        try:
            self._recorder.finish(request, started, status)
        except BaseException:  # as above
            self._recorder.complete(request, started, status)
            raise


def count_exception(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Receiver of Django's `got_request_exception`."""
    if request is not None:
        request_recorder().count_exception(request)


def _status_of(error: BaseException) -> int:
    """The status of a request that ends in an exception which Django does not answer."""
    if isinstance(error, asyncio.CancelledError):
        return CLIENT_CLOSED_REQUEST
    return 500  # such as SystemExit in a worker that stops: servers answer 500
