"""Counts and times requests: the label look-ups and writes behind the middleware."""

import sys
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from django.http import HttpRequest

from monitoring.conf import Settings
from monitoring.labels import METHODS, OTHER, Routes, refused_match
from monitoring.metrics import HttpMetrics
from monitoring.storage import values

_MAX_CACHED_SERIES = 10_000
_MAX_EXCEPTION_TYPES = 100


class RequestRecord:
    """One request on its way: `started` is perf_counter seconds."""

    __slots__ = ("in_progress", "recorder", "started")

    def __init__(self, recorder: "RequestRecorder", started: float) -> None:
        self.recorder = recorder
        self.started = started
        self.in_progress = True


@dataclass(frozen=True, slots=True)
class _Series:
    """The metric children of one (method, route, status); None where nothing is to be counted."""

    requests: Any
    errors: Any
    duration: Any
    slow: Any


class RequestRecorder:
    """Writes what a request leaves behind. Every method may be called from any thread."""

    def __init__(self, metrics: HttpMetrics, settings: Settings) -> None:
        self._metrics = metrics
        self._in_progress = metrics.in_progress
        self._highr = metrics.duration_highr
        self._slow_seconds = settings.SLOW_REQUEST_MS / 1000
        self._routes = Routes(settings.MAX_ROUTES, settings.IGNORE_ROUTES)
        self._series: dict[tuple[str, str | None, int], _Series | None] = {}
        self._exception_types: set[str] = set()

    def start(self, request: HttpRequest) -> RequestRecord:
        record = RequestRecord(self, perf_counter())
        self._in_progress.inc()
        request.monitoring_record = record  # type: ignore[attr-defined]
        return record

    def leave(self, record: RequestRecord) -> None:
        """Take the request out of those in progress; once, however often it is called."""
        if record.in_progress:
            record.in_progress = False
            self._in_progress.dec()

    def finish(self, request: HttpRequest, record: RequestRecord, status: int) -> None:
        """Count the answered request; the caller calls this once for each record."""
        seconds = perf_counter() - record.started
        self.leave(record)
        match = request.resolver_match
        key = (
            METHODS.get(request.method or "", OTHER),
            match.route if match is not None else None,
            status,
        )
        try:
            series = self._series[key]
        except KeyError:
            series = self._find_series(request, key)
        if series is None:
            return
        series.requests.inc()
        self._highr.observe(seconds)
        series.duration.observe(seconds)
        if series.errors is not None:
            series.errors.inc()
        if seconds >= self._slow_seconds:
            series.slow().inc()

    def count_exception(self, request: HttpRequest) -> None:
        """Count the exception being handled, as Django turns it into a 500."""
        error = sys.exc_info()[0]
        if error is None:
            return
        name = error.__name__
        if name not in self._exception_types:
            if len(self._exception_types) >= _MAX_EXCEPTION_TYPES:
                name = OTHER
            self._exception_types.add(name)
        route = self._routes.of(request.resolver_match or refused_match(request))
        if not route.ignored:
            self._metrics.exceptions.labels(name, route.label).inc()

    def _find_series(
        self, request: HttpRequest, key: tuple[str, str | None, int]
    ) -> _Series | None:
        method, template, status = key
        match = request.resolver_match
        cacheable = template is not None
        if match is None and status != 404:
            match = refused_match(request)
        elif match is None:
            cacheable = True
        route = self._routes.of(match)
        if route.overflow:
            values.drop(values.MAX_ROUTES)
            cacheable = False  # each one is counted
        series = None if route.ignored else self._make_series(method, route.label, str(status))
        if cacheable and len(self._series) < _MAX_CACHED_SERIES:
            self._series[key] = series
        return series

    def _make_series(self, method: str, route: str, status: str) -> _Series:
        metrics = self._metrics
        return _Series(
            requests=metrics.requests.labels(method, route, status),
            errors=metrics.errors.labels(method, route, status) if int(status) >= 400 else None,
            duration=metrics.duration.labels(method, route),
            slow=lambda: metrics.slow.labels(method, route),
        )
