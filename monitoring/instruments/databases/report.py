"""Reports slow, repeated and tracked queries: what each counts, and what goes to the query log."""

from collections import Counter
from dataclasses import replace
from time import time
from typing import Any

from django.http import HttpRequest

from monitoring.instruments.background import jobs
from monitoring.instruments.databases.caller import caller
from monitoring.instruments.databases.normalise import MAX_INPUT
from monitoring.instruments.databases.query_log import (
    REPEATED,
    SLOW,
    Origin,
    normalised,
    query_log,
)
from monitoring.instruments.databases.statement_text import text_of
from monitoring.instruments.databases.trackers import RequestTracker, Tracker, current_request
from monitoring.instruments.request_headers import request_id_of, sampled_trace
from monitoring.metrics.database_families import database_metrics
from monitoring.metrics.labels import METHODS, OTHER, Unresolved
from monitoring.metrics.route_templates import template_label
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage import own_counters
from monitoring.storage.self_report import report_error

_MAX_BLOCKS = 100

_blocks = BoundedNames(_MAX_BLOCKS, OTHER)


def report_slow(alias: str, vendor: str, sql: Any, seconds: float, cursor: Any) -> None:
    """Queue a slow query for the log."""
    moment, rows = time(), _rows(cursor)
    origin = replace(_origin(current_request()), caller=caller())
    if isinstance(sql, str | bytes):
        sql = sql[: MAX_INPUT + 1]

    def write() -> None:
        query_log().write(
            {"event": SLOW, "time": moment, "alias": alias, "duration_ms": seconds * 1000},
            (text_of(sql), vendor),
            origin,
            {"rows": rows},
        )

    jobs.put(write, own_counters.DROP_QUERY_LOG)


def report_repeated(tracker: RequestTracker, route: str, request: HttpRequest) -> None:
    """Count and log, in the background, the queries that a request ran too often."""
    moment, statements, limit = time(), tracker.statements.copy(), tracker.repeated_limit
    found = tracker.callers or {}
    origin = replace(_origin(request), route=route)

    def write() -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        sources: dict[tuple[str, str, str], str] = {}
        callers: dict[tuple[str, str, str], str | None] = {}
        for statement, count in statements.items():
            alias, vendor, sql = statement
            key = (alias, vendor, normalised(sql, vendor))
            counts[key] += count
            sources[key] = sql
            callers[key] = callers.get(key) or found.get(statement)
        for key, count in counts.items():
            if count > limit:
                alias, vendor, _ = key
                database_metrics().repeated.labels(route).inc()
                query_log().write(
                    {"event": REPEATED, "time": moment, "alias": alias, "count": count},
                    (sources[key], vendor),
                    replace(origin, caller=callers[key]),
                    {},
                )

    jobs.put(write, own_counters.DROP_QUERY_LOG)


def report_block(name: str, tracker: Tracker) -> None:
    """Count the queries of a finished block."""
    try:
        name = _blocks.get(name) or _blocks.learn(name, name)
        metrics = database_metrics()
        metrics.tracked_queries.labels(name).inc(tracker.count)
        metrics.tracked_seconds.labels(name).inc(tracker.total)
    except Exception as error:
        if is_interruption(error):
            raise
        report_error("a tracked block could not be recorded")


def _origin(request: HttpRequest | None) -> Origin:
    trace = sampled_trace({} if request is None else request.META)
    trace_id = None if trace is None else trace.trace_id.hex()
    if request is None:
        return Origin(trace_id=trace_id)
    match = request.resolver_match
    return Origin(
        METHODS.get(request.method or "", OTHER),
        Unresolved.MIDDLEWARE.value if match is None else template_label(match.route),
        request_id_of(request),
        trace_id,
    )


def _rows(cursor: Any) -> int | None:
    try:
        rows = cursor.rowcount
    except Exception as error:  # of the driver: the number of rows is unknown
        if is_interruption(error):
            raise
        return None
    return rows if isinstance(rows, int) and rows >= 0 else None
