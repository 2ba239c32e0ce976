"""Logs slow queries; counts and logs repeated ones; counts those of tracked blocks."""

import json
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from time import monotonic, time
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.http import HttpRequest

from monitoring.conf import Settings, get_settings
from monitoring.instruments.background import jobs
from monitoring.instruments.databases.log_file import SharedLogFile
from monitoring.instruments.databases.normalise import MAX_INPUT, fingerprint, normalise
from monitoring.instruments.databases.trackers import RequestTracker, Tracker, current
from monitoring.instruments.request_headers import request_id_of
from monitoring.metrics.database_families import database_metrics
from monitoring.metrics.labels import OTHER, UNMATCHED, template_label
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.storage import own_counters, values
from monitoring.storage.self_report import report_error

SLOW = "slow_query"
REPEATED = "repeated_query"

_MAX_FINGERPRINTS = 1000
_MAX_BLOCKS = 100
_MINUTE = 60.0

_blocks = BoundedNames(_MAX_BLOCKS, OTHER)


@dataclass(frozen=True, slots=True)
class _Where:
    """The request that a query belongs to."""

    route: str | None
    request_id: str | None


_NOWHERE = _Where(None, None)


def report_slow(alias: str, vendor: str, sql: Any, seconds: float, cursor: Any) -> None:
    """Queue a slow query for the log."""
    moment, where, rows = time(), _where(current.get()), _rows(cursor)
    if isinstance(sql, str | bytes):
        sql = sql[: MAX_INPUT + 1]

    def write() -> None:
        query_log().write(
            {"event": SLOW, "time": moment, "alias": alias, "duration_ms": seconds * 1000},
            (text_of(sql), vendor),
            where,
            {"rows": rows},
        )

    jobs.put(write, own_counters.QUERY_LOG)


def report_repeated(tracker: RequestTracker, limit: int, route: str, request: HttpRequest) -> None:
    """Count and log, in the background, the queries that a request ran more than `limit` times."""
    moment, statements = time(), tracker.statements
    where = _Where(route, request_id_of(request))

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
                    where,
                    {},
                )

    jobs.put(write, own_counters.QUERY_LOG)


def report_block(name: str, tracker: Tracker) -> None:
    """Count the queries of a finished block."""
    try:
        name = _blocks.get(name) or _blocks.learn(name, name)
        metrics = database_metrics()
        metrics.tracked_queries.labels(name).inc(tracker.count)
        metrics.tracked_seconds.labels(name).inc(tracker.total)
    except Exception:
        report_error("a tracked block could not be recorded")


def _where(tracker: Tracker | None) -> _Where:
    while tracker is not None:
        if isinstance(tracker, RequestTracker) and tracker.request is not None:
            match = tracker.request.resolver_match
            route = UNMATCHED if match is None else template_label(match.route)
            return _Where(route, request_id_of(tracker.request))
        tracker = tracker.parent
    return _NOWHERE


def _rows(cursor: Any) -> int | None:
    try:
        rows = cursor.rowcount
    except Exception:  # of the driver: the number of rows is unknown
        return None
    return rows if isinstance(rows, int) and rows >= 0 else None


class QueryLog:
    """Writes SLOW_QUERY_LOG, with a limit per minute and query. Used by the background thread."""

    def __init__(self, settings: Settings) -> None:
        self._per_minute = settings.SLOW_QUERY_LOG_PER_MINUTE
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        path = log_path(settings)
        self._file = path and SharedLogFile(
            path, settings.SLOW_QUERY_LOG_MAX_BYTES, settings.SLOW_QUERY_LOG_BACKUPS
        )

    def write(
        self,
        facts: dict[str, Any],
        statement: tuple[str, str],
        where: _Where,
        more: dict[str, Any],
    ) -> None:
        """Write one line. `statement` is the SQL as it ran, and the vendor."""
        if not self._file:
            return
        sql = normalised(*statement)
        mark = fingerprint(sql)
        suppressed = self._admit((facts["event"], mark))
        if suppressed is None:
            database_metrics().suppressed.inc()
            return
        line = {
            **facts,
            "time": _rfc3339(facts["time"]),
            "sql": sql,
            "fingerprint": mark,
            "route": where.route,
            "request_id": where.request_id,
            **more,
            "suppressed": suppressed,
        }
        if "duration_ms" in line:
            line["duration_ms"] = round(line["duration_ms"], 3)
        try:
            self._file.append(json.dumps(line, ensure_ascii=True).encode())
        except OSError:
            values.drop(own_counters.QUERY_LOG)
            report_error("SLOW_QUERY_LOG cannot be written")

    def _admit(self, key: tuple[str, str]) -> int | None:
        """How many lines were suppressed before this one; None if this one is suppressed, too."""
        now = monotonic()
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(now)
            if len(self._windows) > _MAX_FINGERPRINTS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        if now - window.start >= _MINUTE:
            window.start, window.written = now, 0
        if window.written >= self._per_minute:
            window.suppressed += 1
            return None
        window.written += 1
        suppressed, window.suppressed = window.suppressed, 0
        return suppressed


@dataclass(slots=True)
class _Window:
    """The current minute of one kind of event and query."""

    start: float
    written: int = 0
    suppressed: int = 0


@cache
def query_log() -> QueryLog:
    return QueryLog(get_settings())


def log_path(settings: Settings) -> Path | None:
    """The path of SLOW_QUERY_LOG; None if the log is switched off."""
    if not settings.SLOW_QUERY_LOG:
        return None
    base = getattr(django_settings, "BASE_DIR", None) or Path.cwd()
    return Path(base) / settings.SLOW_QUERY_LOG


def text_of(sql: Any) -> str:
    """The statement as text; psycopg also takes bytes and composed objects."""
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql.decode(errors="replace")
    as_string = getattr(sql, "as_string", None)
    if as_string is not None:
        return str(as_string(None))
    return type(sql).__name__


@lru_cache(maxsize=512)
def normalised(sql: str, vendor: str) -> str:
    return normalise(sql, vendor, known_names() if vendor == "sqlite" else frozenset())


@cache
def known_names() -> frozenset[str]:
    """Every table and column of every model."""
    names: set[str] = set()
    for model in apps.get_models(include_auto_created=True):
        names.add(model._meta.db_table)
        names.update(field.column for field in model._meta.local_fields if field.column)
    return frozenset(names)


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
