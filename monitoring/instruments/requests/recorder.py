"""Counts and times requests: the label look-ups and the writes behind the middleware.

This is the hot path: children are looked up once for each (method, route, status), and all writes
of a request are made together under one lock. No method raises an error of ours; what a signal
handler raises passes.
"""

import sys
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from time import perf_counter, time

from django.conf import settings as django_settings
from django.http import HttpRequest, UnreadablePostError
from django.urls import resolve
from django.urls.exceptions import Resolver404

from monitoring.conf import Settings, get_settings
from monitoring.instruments.databases.trackers import (
    RequestTracker,
    begin_request,
    current,
    end_request,
    is_within_request,
)
from monitoring.instruments.request_headers import REQUEST_START, queue_seconds, sampled_trace
from monitoring.instruments.requests.sessions import session_watch
from monitoring.instruments.requests.slow_requests import keep_details
from monitoring.instruments.upkeep import TICK_SECONDS, upkeep
from monitoring.metrics.histogram import BisectHistogram
from monitoring.metrics.labels import METHODS, OTHER, Route, Routes, Unresolved, static_prefix
from monitoring.metrics.request_families import HIGHR_BOUNDS, HttpMetrics, SpentSeries, http_metrics
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage import own_counters, this_process, values
from monitoring.storage.exemplars import Trace
from monitoring.storage.fine_file import FineRow
from monitoring.storage.self_report import report_error
from monitoring.storage.values import SlotValue, add_all, value_of

CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that left before the answer

_MAX_CACHED_SERIES = 10_000
_MAX_EXCEPTION_TYPES = 100

_SeriesKey = tuple[str, str | Unresolved, int]  # method label, URL template, status


@dataclass(frozen=True, slots=True)
class _Series:
    """Where the requests of one method, route and status are counted."""

    route: str
    counts: tuple[tuple[SlotValue, float], ...]
    duration: BisectHistogram
    fine: FineRow
    slow: SlotValue
    spent: SpentSeries


class RequestRecorder:
    """Writes the metrics of requests. All threads of the process share it."""

    def __init__(self, metrics: HttpMetrics, settings: Settings) -> None:
        self._metrics = metrics
        in_progress = value_of(metrics.in_progress)
        self._enter, self._leave = ((in_progress, 1.0),), ((in_progress, -1.0),)
        self._highr = metrics.duration_highr
        self._queries = metrics.queries
        # A request without a query adds nothing to the sum, so only its bucket is written.
        self._no_query = metrics.queries.writes(0)[1:]
        self._repeated_limit = settings.REPEATED_QUERIES
        self._slow_seconds = settings.SLOW_REQUEST_MS / 1000
        self._routes = Routes(settings.MAX_ROUTES, settings.IGNORE_ROUTES)
        self._static_prefix = static_prefix(django_settings.STATIC_URL)
        self._series: dict[_SeriesKey, _Series | None] = {}  # None: not traffic
        self._exception_types = BoundedNames(_MAX_EXCEPTION_TYPES, OTHER)
        self._sessions = session_watch()
        self._next_tick = float("-inf")

    def begin(self, request: HttpRequest) -> float | None:
        """Record the start of a request; returns its time (perf_counter seconds) for `finish`.

        None for a request that a view runs through MIDDLEWARE while it answers another, as a
        preview does: it is a part of that one, which counts for both.
        """
        entering = None
        try:
            if current.get() is not None and is_within_request():
                return None
            # Before the first write: a file that was cut short while the process had nothing to do
            # would be a SIGBUS.
            if (now := perf_counter()) >= self._next_tick:
                self._tick(now)
            entering = iter(self._enter)
            request.monitoring_leaving = iter(self._leave)  # type: ignore[attr-defined]
            add_all(entering)
            request.monitoring_queries = begin_request(request, self._repeated_limit)  # type: ignore[attr-defined]
            return perf_counter()
        except BaseException as error:
            if is_interruption(error):
                if entering is not None and hasattr(request, "monitoring_leaving"):
                    # What was begun is undone, because `finish` is not called.
                    add_all(chain(entering, self._leaving(request)))
                    _stop_tracking(request)
                raise
            report_error("a request's start could not be recorded")
        return perf_counter()

    def begin_stream(self, request: HttpRequest) -> None:
        """Its answer is ready, and its content follows. `finish` counts it at the end of that."""
        tracker = getattr(request, "monitoring_queries", None)
        if tracker is not None:
            tracker.is_answering = False

    def leave(self, request: HttpRequest) -> None:
        """Stop counting the request as in progress, before it ends."""
        try:
            add_all(self._leaving(request))
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a request could not be left out")

    def _leaving(self, request: HttpRequest) -> Iterator[tuple[SlotValue, float]]:
        """The request's only iterator of these writes: whoever makes them, makes them once."""
        return getattr(request, "monitoring_leaving", iter(()))

    def _tick(self, now: float) -> None:
        self._next_tick = now + TICK_SECONDS
        upkeep().tick()

    def finish(self, request: HttpRequest, started: float, status: int) -> None:  # noqa: PLR0912
        """Count the answered request. Call it once for each `begin` that gave a time."""
        now = perf_counter()
        seconds = now - started
        try:
            queries: RequestTracker = request.monitoring_queries  # type: ignore[attr-defined]
            end_request(queries)
            if now >= self._next_tick:
                self._tick(now)
            if self._sessions is not None:
                self._sessions.note(request)
            if status == 500 and hasattr(request, "monitoring_upload_cut"):
                status = CLIENT_CLOSED_REQUEST
            match = request.resolver_match
            template = self._unresolved(request, status) if match is None else match.route
            if template is None:
                add_all(self._leaving(request))
                return
            key = (METHODS.get(request.method or "", OTHER), template, status)
            try:
                series = self._series[key]
            except KeyError:
                series = self._find_series(request, key)
            if series is None:
                add_all(self._leaving(request))
                return
            fine = bisect_left(HIGHR_BOUNDS, seconds)
            rest = request.monitoring_rest = iter(  # type: ignore[attr-defined]
                (
                    *series.counts,
                    (series.fine[fine], 1.0),
                    *self._highr.writes_in(fine, seconds),
                    *series.duration.writes(seconds),
                    *(self._queries.writes(queries.count) if queries.count else self._no_query),
                    *(series.spent.writes(*queries.spent_so_far()) if queries.spent else ()),
                )
            )
            add_all(chain(self._leaving(request), rest))
            queue_header = request.META.get(REQUEST_START)
            if queue_header is not None:
                queued = queue_seconds(queue_header, time() - seconds)
                if queued is not None:
                    self._metrics.queue.observe(queued)
            if seconds >= self._slow_seconds:
                series.slow.inc(1)
                keep_details(request, key[0], series.route, status, seconds)
            if queries.count > self._repeated_limit:
                from monitoring.instruments.databases.report import report_repeated  # noqa: PLC0415  (rare)

                report_repeated(queries, series.route, request)
            trace = sampled_trace(request.META)
            if trace is not None:
                self._leave_exemplars(series.duration, seconds, trace)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a request could not be recorded")
            self.leave(request)

    def complete(self, request: HttpRequest, started: float, status: int) -> None:
        """Make the writes that `finish` did not make because a signal handler raised in it."""
        try:
            rest = getattr(request, "monitoring_rest", None)
            if rest is None:
                self.finish(request, started, status)
            else:
                add_all(chain(self._leaving(request), rest))
        finally:
            self.abandon(request)

    def abandon(self, request: HttpRequest) -> None:
        """Stop counting the queries and the progress of a request that a signal handler ended."""
        self.leave(request)
        _stop_tracking(request)

    def _leave_exemplars(self, duration: BisectHistogram, seconds: float, trace: Trace) -> None:
        places = (self._highr.exemplar_place(seconds), duration.exemplar_place(seconds))
        values.put_exemplars(places, trace, seconds, time())

    def count_exception(self, request: HttpRequest) -> None:
        """Count the exception being handled, which becomes a 500 or interrupts a response.

        An upload that its client cut is not the project's mistake: `finish` counts it as 499.
        """
        try:
            kind = sys.exc_info()[0]
            if kind is not None and issubclass(kind, UnreadablePostError):
                request.monitoring_upload_cut = True  # type: ignore[attr-defined]
                return
            match = request.resolver_match
            if match is not None:
                route = self._routes.of(match)
            elif (why := self._unresolved(request, 500)) is not None:
                route = self._routes.unresolved[why]
            else:
                return
            if kind is not None and not route.ignored:
                known = self._exception_types
                name = known.get(kind.__name__) or known.learn(kind.__name__, kind.__name__)
                self._metrics.exceptions.labels(name, route.label).inc()
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("an exception could not be counted")

    def _unresolved(self, request: HttpRequest, status: int) -> Unresolved | None:
        """How a request is counted that reached no view; None if it is no traffic.

        A middleware that answers for a view of no traffic, with a redirect to https say, answers
        no traffic. A path is looked up only here: a view's route is known without.
        """
        ignores = self._routes.ignored_path
        if ignores is not None and ignores(request.path_info) is not None:
            return None
        if status == 404:
            return Unresolved.UNMATCHED
        prefix = self._static_prefix
        # STATIC_URL may begin with the script's name (FORCE_SCRIPT_NAME) or not (the server's).
        if prefix is not None and (
            request.path.startswith(prefix) or request.path_info.startswith(prefix)
        ):
            return Unresolved.STATIC
        route = self._route_of_path(request)
        return None if route is not None and route.ignored else Unresolved.MIDDLEWARE

    def _route_of_path(self, request: HttpRequest) -> Route | None:
        try:
            return self._routes.of(resolve(request.path_info, getattr(request, "urlconf", None)))
        except Resolver404:
            return None
        except Exception as error:  # the project's URLs cannot be imported: Django answers 500
            if is_interruption(error):
                raise
            return None

    def _find_series(self, request: HttpRequest, key: _SeriesKey) -> _Series | None:
        method, template, status = key
        if isinstance(template, Unresolved):
            route = self._routes.unresolved[template]
        else:
            assert request.resolver_match is not None
            route = self._routes.of(request.resolver_match)
        cacheable = not route.overflow  # else each such request counts a drop
        if route.overflow:
            this_process.drop(own_counters.DROP_MAX_ROUTES)
        series = None if route.ignored else self._make_series(method, route.label, status)
        if cacheable and len(self._series) < _MAX_CACHED_SERIES:
            self._series[key] = series
        return series

    def _make_series(self, method: str, route: str, status: int) -> _Series:
        families = [self._metrics.requests]
        if status >= 400:
            families.append(self._metrics.errors)
        counts = tuple((value_of(f.labels(method, route, str(status))), 1.0) for f in families)
        duration = self._metrics.duration.labels(method, route)
        # Made with the others, at 0: so rate() sees the first slow request as a step from 0 to 1.
        slow = value_of(self._metrics.slow.labels(method, route))
        spent = SpentSeries(self._metrics, method, route)
        return _Series(route, counts, duration, FineRow(method, route), slow, spent)


def _stop_tracking(request: HttpRequest) -> None:
    """Else this thread's next requests would count as parts of this one."""
    tracker = current.get()
    if isinstance(tracker, RequestTracker) and tracker.request is request:
        end_request(tracker)


@cache
def request_recorder() -> RequestRecorder:
    """The recorder; a forked child goes on using it, and its writes then reach its own slot."""
    return RequestRecorder(http_metrics(), get_settings())
