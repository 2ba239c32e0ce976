"""Reports slow, repeated and tracked queries: what each counts, and what goes to the query log."""

from collections import Counter
from time import time
from typing import Any

from django.http import HttpRequest

from monitoring.instruments.background import jobs
from monitoring.instruments.databases.normalise import MAX_INPUT
from monitoring.instruments.databases.query_log import (
    REPEATED,
    SLOW,
    Origin,
    normalised,
    query_log,
)
from monitoring.instruments.databases.trackers import RequestTracker, Tracker, current
from monitoring.instruments.request_headers import request_id_of
from monitoring.metrics.database_families import database_metrics
from monitoring.metrics.labels import OTHER, Unresolved
from monitoring.metrics.route_templates import template_label
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage import own_counters
from monitoring.storage.self_report import report_error

_MAX_BLOCKS = 100
_UNKNOWN = Origin(None, None)

_blocks = BoundedNames(_MAX_BLOCKS, OTHER)


def report_slow(alias: str, vendor: str, sql: Any, seconds: float, cursor: Any) -> None:
    """Queue a slow query for the log."""
    moment, origin, rows = time(), _origin(current.get()), _rows(cursor)
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


def report_repeated(tracker: RequestTracker, limit: int, route: str, request: HttpRequest) -> None:
    """Count and log, in the background, the queries that a request ran more than `limit` times."""
    moment, statements = time(), tracker.statements
    origin = Origin(route, request_id_of(request))

    def write() -> None:
        counts: Counter[tuple[str, str, str]] = Counter()
        sources: dict[tuple[str, str, str], str] = {}
        for (alias, vendor, sql), count in statements.items():
            key = (alias, vendor, normalised(sql, vendor))
            counts[key] += count
            sources[key] = sql
        for key, count in counts.items():
            if count > limit:
                alias, vendor, _ = key
                database_metrics().repeated.labels(route).inc()
                query_log().write(
                    {"event": REPEATED, "time": moment, "alias": alias, "count": count},
                    (sources[key], vendor),
                    origin,
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


def _origin(tracker: Tracker | None) -> Origin:
    while tracker is not None:
        if isinstance(tracker, RequestTracker) and tracker.request is not None:
            match = tracker.request.resolver_match
            route = Unresolved.MIDDLEWARE.value if match is None else template_label(match.route)
            return Origin(route, request_id_of(tracker.request))
        tracker = tracker.parent
    return _UNKNOWN


def _rows(cursor: Any) -> int | None:
    try:
        rows = cursor.rowcount
    except Exception as error:  # of the driver: the number of rows is unknown
        if is_interruption(error):
            raise
        return None
    return rows if isinstance(rows, int) and rows >= 0 else None


def text_of(sql: Any) -> str:
    """The statement as text; psycopg also takes bytes and composed objects."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql.decode(errors="replace")
    text = _composed(sql)
    return type(sql).__name__ if text is None else text


def _composed(sql: Any) -> str | None:
    """The text of what `psycopg.sql` or `psycopg2.sql` composed; None if it is something else.

    Their own `as_string` needs the connection for names and literals, which by now another query
    may use. Literals become `?`: the log has no values.
    """
    content: Any = getattr(
        sql, "_wrapped", getattr(sql, "_obj", None)
    )  # psycopg2's, else psycopg's
    for cls in type(sql).__mro__:
        if cls.__module__.partition(".")[0] not in ("psycopg", "psycopg2"):
            continue
        if cls.__name__ == "Composed":
            parts = (_composed(part) for part in content)
            return "".join("?" if part is None else part for part in parts)
        if cls.__name__ == "SQL":
            return str(content)
        if cls.__name__ == "Identifier":
            return ".".join('"' + str(name).replace('"', '""') + '"' for name in content)
        if cls.__name__ == "Placeholder":
            return f"%({content})s" if content else "%s"
    return None
