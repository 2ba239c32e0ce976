"""The slow query log: the lines of SLOW_QUERY_LOG, without values, and their limit per minute."""

import json
from collections import OrderedDict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from time import monotonic
from typing import Any

from django.apps import apps

from monitoring.conf import Settings, get_settings
from monitoring.instruments.databases.log_file import SharedLogFile
from monitoring.instruments.databases.log_place import log_path
from monitoring.instruments.databases.normalise import fingerprint, normalise
from monitoring.metrics.database_families import database_metrics
from monitoring.primitives.log_limit import LogLimit
from monitoring.storage import own_counters, this_process
from monitoring.storage.self_report import logger

SLOW = "slow_query"
REPEATED = "repeated_query"

_MAX_FINGERPRINTS = 1000
_MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What asked for a query; None for what is unknown. `method` and `route` are labels.

    `caller` is `file:line:function`, `trace_id` that of a sampled trace, in hexadecimal.
    """

    method: str | None = None
    route: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    caller: str | None = None


class QueryLog:
    """Writes lines, with a limit per minute and query. Used by the background thread."""

    def __init__(self, settings: Settings) -> None:
        self._per_minute = settings.SLOW_QUERY_LOG_PER_MINUTE
        self._minutes: OrderedDict[tuple[str, str], _Minute] = OrderedDict()
        self._settings = settings
        self._log_limit = LogLimit()

    def write(
        self,
        facts: dict[str, Any],
        statement: tuple[str, str],
        origin: Origin,
        more: dict[str, Any],
    ) -> None:
        """Write one line. `statement` is the SQL as it ran, and the vendor."""
        path = log_path(self._settings)
        if path is None:
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
            **asdict(origin),
            **more,
            "suppressed": suppressed,
        }
        if "duration_ms" in line:
            line["duration_ms"] = round(line["duration_ms"], 3)
        file = SharedLogFile(
            path, self._settings.SLOW_QUERY_LOG_MAX_BYTES, self._settings.SLOW_QUERY_LOG_BACKUPS
        )
        try:
            file.append(json.dumps(line, ensure_ascii=True).encode())
        except OSError as error:
            this_process.drop(own_counters.DROP_QUERY_LOG)
            if self._log_limit.passes():
                logger.warning("SLOW_QUERY_LOG cannot be written: %s", error)

    def _admit(self, key: tuple[str, str]) -> int | None:
        """How many lines were suppressed before this one; None if this one is suppressed, too."""
        now = monotonic()
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._minutes[key] = _Minute(now)
            if len(self._minutes) > _MAX_FINGERPRINTS:
                self._minutes.popitem(last=False)
        self._minutes.move_to_end(key)
        if now - minute.start >= _MINUTE_SECONDS:
            minute.start, minute.written = now, 0
        if minute.written >= self._per_minute:
            minute.suppressed += 1
            return None
        minute.written += 1
        suppressed, minute.suppressed = minute.suppressed, 0
        return suppressed


@dataclass(slots=True)
class _Minute:
    """The current minute of one kind of event and query."""

    start: float
    written: int = 0
    suppressed: int = 0


@cache
def query_log() -> QueryLog:
    return QueryLog(get_settings())


@lru_cache(maxsize=512)
def normalised(sql: str, vendor: str) -> str:
    """The statement as the log shows it: on one line, without any value."""
    return normalise(sql, vendor, _schema_names() if vendor == "sqlite" else frozenset())


@cache
def _schema_names() -> frozenset[str]:
    """Every table and column of every model."""
    names: set[str] = set()
    for model in apps.get_models(include_auto_created=True):
        names.add(model._meta.db_table)
        names.update(field.column for field in model._meta.local_fields if field.column)
    return frozenset(names)


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
