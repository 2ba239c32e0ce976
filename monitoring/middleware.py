"""Counts and times every request, in sync and async stacks alike. List it first in MIDDLEWARE."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from monitoring.conf import get_settings
from monitoring.instruments.requests import RequestRecord, RequestRecorder
from monitoring.instruments.streams import watch_stream
from monitoring.metrics import http_metrics
from monitoring.self_report import report_error

_CLIENT_CLOSED_REQUEST = 499  # nginx's code for a client that left before it was answered


class PerformanceMonitoringMiddleware:
    """One count for each request, whatever becomes of it; no error of ours reaches the request.

    A streamed answer is counted when it ends or when the client leaves, with the time until then.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        self._recorder = RequestRecorder(http_metrics(), get_settings())
        got_request_exception.connect(count_exception)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._call_async(request)
        record = self._start(request)
        try:
            response = cast(HttpResponseBase, self.get_response(request))
        except BaseException:  # not an error that Django answers: the worker is being stopped
            self._abandon(request, record, None)
            raise
        self._finish(request, record, response)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        record = self._start(request)
        try:
            response = cast(HttpResponseBase, await self.get_response(request))
        except asyncio.CancelledError:
            self._abandon(request, record, _CLIENT_CLOSED_REQUEST)
            raise
        except BaseException:
            self._abandon(request, record, None)
            raise
        self._finish(request, record, response)
        return response

    def _start(self, request: HttpRequest) -> RequestRecord | None:
        try:
            return self._recorder.start(request)
        except Exception:
            report_error("a request could not be recorded")
            return None

    def _finish(
        self, request: HttpRequest, record: RequestRecord | None, response: HttpResponseBase
    ) -> None:
        if record is None:
            return
        try:
            if response.streaming:
                self._finish_at_end(request, record, response)
            else:
                self._recorder.finish(request, record, response.status_code)
        except Exception:
            report_error("a request could not be recorded")

    def _finish_at_end(
        self, request: HttpRequest, record: RequestRecord, response: HttpResponseBase
    ) -> None:
        finished = False

        def finish() -> None:
            nonlocal finished
            if not finished:
                finished = True
                try:
                    self._recorder.finish(request, record, response.status_code)
                except Exception:
                    report_error("a request could not be recorded")

        watch_stream(response, finish, partial(count_exception, request=request))

    def _abandon(
        self, request: HttpRequest, record: RequestRecord | None, status: int | None
    ) -> None:
        if record is None:
            return
        try:
            if status is None:
                self._recorder.leave(record)
            else:
                self._recorder.finish(request, record, status)
        except Exception:
            report_error("a request could not be recorded")


def count_exception(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Receiver of Django's `got_request_exception`."""
    try:
        record = getattr(request, "monitoring_record", None)
        if request is not None and record is not None:
            record.recorder.count_exception(request)
    except Exception:
        report_error("an exception could not be counted")
