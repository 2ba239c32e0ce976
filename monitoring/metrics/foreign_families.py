"""The families of django-prometheus that we write: its own objects, or the same ones made here.

Where django-prometheus is installed, a project may use it beside us, and a name can be registered
once. Where it is not, its dashboards still work: names, labels, help texts, buckets and its two
settings are the same (https://github.com/django-commons/django-prometheus).
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from prometheus_client import Counter, Gauge, Histogram

from monitoring.metrics import names
from monitoring.storage.client_internals import set_mode

_LATENCY_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 25.0, 50.0, 75.0, float("inf")),
)
_ALIAS = ("alias", "vendor")


@dataclass(frozen=True)
class DatabaseFamilies:
    connections: Counter
    connection_errors: Counter
    execute: Counter
    execute_many: Counter
    errors: Counter
    duration: Histogram


@dataclass(frozen=True)
class CacheFamilies:
    get: Counter
    hits: Counter
    misses: Counter
    fail: Counter


class MigrationGauges(NamedTuple):
    applied: Gauge
    unapplied: Gauge


def foreign(name: str) -> str:
    """A name of these families, or the beginning of one, with the project's namespace before it."""
    before = _namespace()
    return f"{before}_{name}" if before else name


@cache
def database_families() -> DatabaseFamilies:
    theirs = _theirs("db.metrics")
    if theirs is not None:
        return DatabaseFamilies(
            theirs.connections_total,
            theirs.connection_errors_total,
            theirs.execute_total,
            theirs.execute_many_total,
            theirs.errors_total,
            theirs.query_duration_seconds,
        )
    return DatabaseFamilies(
        _counter(
            names.DJANGO_DB_NEW_CONNECTIONS,
            "Counter of created connections by database and by vendor.",
            *_ALIAS,
        ),
        _counter(
            names.DJANGO_DB_NEW_CONNECTION_ERRORS,
            "Counter of connection failures by database and by vendor.",
            *_ALIAS,
        ),
        _counter(
            names.DJANGO_DB_EXECUTE,
            "Counter of executed statements by database and by vendor, including bulk executions.",
            *_ALIAS,
        ),
        _counter(
            names.DJANGO_DB_EXECUTE_MANY,
            "Counter of executed statements in bulk operations by database and by vendor.",
            *_ALIAS,
        ),
        _counter(
            names.DJANGO_DB_ERRORS,
            "Counter of execution errors by database, vendor and exception type.",
            *_ALIAS,
            "type",
        ),
        Histogram(
            names.DJANGO_DB_QUERY_DURATION_SECONDS.family,
            "Histogram of query duration by database and vendor.",
            _ALIAS,
            buckets=getattr(settings, "PROMETHEUS_LATENCY_BUCKETS", _LATENCY_BUCKETS),
            namespace=_namespace(),
        ),
    )


@cache
def cache_families() -> CacheFamilies:
    theirs = _theirs("cache.metrics")
    if theirs is not None:
        return CacheFamilies(
            theirs.django_cache_get_total,
            theirs.django_cache_hits_total,
            theirs.django_cache_misses_total,
            theirs.django_cache_get_fail_total,
        )
    return CacheFamilies(
        _counter(names.DJANGO_CACHE_GET, "Total get requests on cache", "backend"),
        _counter(names.DJANGO_CACHE_GET_HITS, "Total hits on cache", "backend"),
        _counter(names.DJANGO_CACHE_GET_MISSES, "Total misses on cache", "backend"),
        _counter(names.DJANGO_CACHE_GET_FAIL, "Total get request failures by cache", "backend"),
    )


@cache
def migration_gauges() -> MigrationGauges:
    """The newest value of all processes is exposed; django-prometheus has one for each pid."""
    theirs = _theirs("migrations")
    if theirs is None:
        return MigrationGauges(
            _gauge(names.DJANGO_MIGRATIONS_APPLIED, "applied"),
            _gauge(names.DJANGO_MIGRATIONS_UNAPPLIED, "unapplied"),
        )
    gauges = MigrationGauges(theirs.applied_migrations, theirs.unapplied_migrations)
    for gauge in gauges:
        set_mode(gauge, "mostrecent")
    return gauges


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, namespace=_namespace())


def _gauge(name: str, state: str) -> Gauge:
    return Gauge(
        name,
        f"Count of {state} migrations by database connection",
        ["connection"],
        namespace=_namespace(),
        multiprocess_mode="mostrecent",
    )


def _namespace() -> str:
    """django-prometheus reads the setting once, when it is imported; empty without settings."""
    theirs = _theirs("conf")
    if theirs is not None:
        return str(theirs.NAMESPACE)
    try:
        return str(getattr(settings, "PROMETHEUS_METRIC_NAMESPACE", ""))
    except ImproperlyConfigured:
        return ""


def _theirs(module: str) -> Any:
    """A module of django-prometheus; None if that is not installed."""
    try:
        return import_module(f"django_prometheus.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "django_prometheus":
            raise
        return None
