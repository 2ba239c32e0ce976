"""Generates docs/metrics.md from the definitions of all families."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from monitoring.metrics import (
    cache_families,
    celery_families,
    database_families,
    master_families,
    names,
    outgoing_families,
    own_families,
    process_families,
    request_families,
)
from monitoring.metrics.derived import derived_families
from monitoring.metrics.foreign_families import migration_gauges
from monitoring.storage import own_counters

_HEAD = """\
# Metrics

All metric families of this app, with their types and labels. `make references` generates this page
from the definitions in `monitoring/metrics/`.

Durations are in seconds, sizes in bytes. The set of label values is bounded. `method` is a standard
method or `_OTHER`. `route` is the URL template (`/demo/items/<int:pk>/`; a regular expression reads
the same way, `/two/<var>/x/<name>/`, with `<var>` for text without a name), `unmatched` for a 404
without one, `_static` and `_middleware` for what a middleware answered before a URL was resolved
(below `STATIC_URL`, or elsewhere), or `_overflow` when the process already has `MAX_ROUTES` routes.
A histogram has the samples `_bucket` (with the label `le`), `_sum` and `_count`. A family with
labels has no series before its first event; a family without labels begins at 0.
"""

# Details for this page only: help texts are stored with every bucket and sent in every scrape.
_REASONS = ", ".join(f"`{reason}`" for reason in own_counters.DROP_REASONS)
_HIGHR = (
    f"{request_families.HIGHR_PER_DOUBLING} buckets for each doubling,"
    f" {1000 * request_families.HIGHR_BOUNDS[0]:.3f} ms to"
    f" {request_families.HIGHR_BOUNDS[-1]:g} s. In protobuf it is a native histogram of schema"
    f" {request_families.HIGHR_SCHEMA}. It carries exemplars."
)
_NOTES = {
    names.HTTP_REQUESTS: "A streamed answer counts at its last byte, or when the client leaves."
    " A request whose client leaves before the answer has status 499: in an async stack while the"
    " view runs, in a sync one when the view reads an upload whose connection breaks. A request"
    " that a view runs through MIDDLEWARE itself, as a preview does, is a part of the view's own.",
    names.HTTP_REQUEST_DURATION_SECONDS.family: "Its buckets are the setting"
    " `LATENCY_BUCKETS`. In protobuf, each is a native histogram of schema"
    f" {request_families.HIGHR_SCHEMA}, too (`NATIVE_ROUTES`). It carries exemplars.",
    names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.family: _HIGHR,
    names.HTTP_REQUESTS_IN_PROGRESS: "The requests of a killed worker no longer count.",
    names.HTTP_REQUEST_QUEUE_SECONDS.family: "Only behind a proxy that sets the header.",
    names.CELERY_TASK_DURATION_SECONDS.family: "`state` is Celery's state name: `SUCCESS`,"
    " `FAILURE`, `RETRY`, `IGNORED` or `REJECTED`. The task of a killed child has"
    " `FAILURE`, and its time ends when the parent notices. `task` is the name of a"
    " registered task, or `_overflow` after 1000 names.",
    names.CELERY_MESSAGES_REFUSED: "Reasons: `unknown_task`, `invalid`.",
    names.CELERY_TASKS_REVOKED: "Reasons: `revoked`, `expired`, `terminated`.",
    names.CELERY_TASKS_IN_PROGRESS: "The task of a killed child no longer counts.",
    names.CELERY_TASK_QUEUE_SECONDS.family: "Needs this app in the process that sends the task, and"
    " equal clocks on both hosts.",
    names.CELERY_QUEUE_LENGTH: "Only with Redis as broker: messages that no worker has fetched"
    " yet.",
    names.MONITORING_HEALTH_STATUS: "1 is healthy, 0.5 impaired, 0 down. A disabled check has no"
    " sample.",
    names.DJANGO_MIGRATIONS_APPLIED: "Needs `MIGRATIONS_EVERY_SECONDS`.",
    names.DJANGO_MIGRATIONS_UNAPPLIED: "Needs `MIGRATIONS_EVERY_SECONDS`.",
    names.HTTP_ACTIVE_SESSIONS: "Needs `REDIS_URL`.",
    names.HTTP_STATUS_CODE: "One family for each status that occurred. `STATUS_COUNTERS`"
    " switches them off.",
    names.GUNICORN_WORKER_EXITS: "`exit_0`, `SIGKILL`, …, or `unknown` in a gunicorn version"
    " whose hook does not get the exit status.",
    names.MONITORING_DROPPED: f"Reasons: {_REASONS}.",
}


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    type: str
    labels: tuple[str, ...]
    help: str

    def __str__(self) -> str:
        text = f"{self.help.rstrip('.')}. {_NOTES.get(self.name, '')}".strip()
        return f"| `{self.name}` | {self.type} | {', '.join(self.labels)} | {text} |\n"


def metrics_reference() -> str:
    """The text of the page. Raises KeyError for a note about a family that does not exist."""
    sections = dict(_sections())
    known = {row.name for rows in sections.values() for row in rows}
    if missing := _NOTES.keys() - known:
        raise KeyError(f"notes about unknown families: {missing}")
    return _HEAD + "".join(
        f"\n## {title}\n\n| family | type | labels | |\n|---|---|---|---|\n"
        + "".join(str(row) for row in sorted(rows, key=lambda row: row.name))
        for title, rows in sections.items()
    )


def _sections() -> Iterator[tuple[str, list[_Row]]]:
    derived = derived_families()
    everywhere = [_derived_row(family) for family in derived if not family.is_exporter_only]

    def beside(prefix: str) -> list[_Row]:
        return [row for row in everywhere if row.name.startswith(prefix)]

    yield "Requests", [*_stored(request_families.http_metrics()), *beside("http_")]
    yield (
        "Databases",
        [
            *_stored(database_families.database_metrics()),
            *_stored(database_families.pool_metrics()),
            *(_stored_row(gauge) for gauge in migration_gauges()),
        ],
    )
    yield "Caches", _stored(cache_families.cache_metrics())
    yield "Outgoing HTTP", [_stored_row(outgoing_families.outgoing_duration())]
    yield "Celery", _stored(celery_families.celery_metrics())
    yield (
        "Processes",
        [
            *(
                _Row(family.name, "counter", family.labels, family.help)
                for family in (master_families.BOOTS, master_families.EXITS)
            ),
            *_stored(process_families.garbage_metrics()),
        ],
    )
    yield (
        "Monitoring itself",
        [
            _stored_row(own_families.merges_total()),
            _Row(names.MONITORING_DROPPED, "counter", ("reason",), own_counters.DROPPED_HELP),
            _Row(names.MONITORING_CORRUPT_FILES, "counter", (), own_counters.CORRUPT_HELP),
            *beside("monitoring_"),
        ],
    )
    yield (
        "From the exporter only",
        [
            _stored_row(own_families.collector_errors_total()),
            *(_derived_row(family) for family in derived if family.is_exporter_only),
        ],
    )


def _stored(group: Any) -> list[_Row]:
    found: Iterable[MetricWrapperBase] = (getattr(group, item.name) for item in fields(group))
    return [_stored_row(metric) for metric in found]


def _stored_row(metric: MetricWrapperBase) -> _Row:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return _Row(name, family.type, tuple(metric._labelnames), family.documentation)


def _derived_row(family: Any) -> _Row:
    return _Row(family.name, family.type, family.labels, family.help)
