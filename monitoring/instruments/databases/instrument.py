"""Installs the recorder on every database connection, with any ENGINE."""

import weakref
from functools import partial
from typing import Any

from django.core.signals import request_finished
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from monitoring.backing_services.database_probe import unmeasured
from monitoring.instruments.databases.migrations import migration_watch
from monitoring.instruments.databases.pools import record_pools
from monitoring.instruments.databases.recorder import (
    QueryRecorder,
    count_connection,
    count_connection_error,
    query_recorder,
)
from monitoring.instruments.upkeep import at_each_tick
from monitoring.metrics.database_families import database_metrics, pool_metrics
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error


def instrument_databases() -> None:
    """Measure this process's connections from now on. Opens nothing."""
    database_metrics()  # built now, before several threads could build them at once
    pool_metrics()
    connection_created.connect(watch_connection, dispatch_uid="monitoring.databases")
    # Connected after Django's own receiver, which returns the request's connections.
    request_finished.connect(record_pools, dispatch_uid="monitoring.instruments.databases.pools")
    at_each_tick(migration_watch.look)
    # Needed for failed connections alone, for which Django sends no signal.
    if not isinstance(vars(connections).get("create_connection"), partial):
        connections.create_connection = partial(  # type: ignore[method-assign]
            _create_connection, connections.create_connection
        )
        for connection in connections.all(initialized_only=True):
            _watch_failures(connection)


def watch_connection(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receiver of Django's `connection_created`."""
    if unmeasured.get():
        return
    try:
        double = _is_django_prometheus(connection)
        if not double:
            count_connection(connection.alias, connection.vendor)
        wrappers = connection.execute_wrappers
        if not any(isinstance(wrapper, QueryRecorder) for wrapper in wrappers):
            # First, not last: a `with connection.execute_wrapper(...)` that was entered before
            # the connection was made removes the last wrapper when it is left.
            wrappers.insert(0, query_recorder(connection.alias, connection.vendor, double))
    except Exception as error:
        if is_interruption(error):
            raise
        report_error("a connection could not be instrumented")


def _create_connection(create: Any, alias: str) -> BaseDatabaseWrapper:
    connection: BaseDatabaseWrapper = create(alias)
    _watch_failures(connection)
    return connection


def _watch_failures(connection: BaseDatabaseWrapper) -> None:
    if not _is_django_prometheus(connection):
        # A weak reference: with a reference cycle, a connection would outlive its thread.
        connection.get_new_connection = partial(  # type: ignore[method-assign]
            _get_new_connection, weakref.ref(connection)
        )


def _get_new_connection(
    reference: "weakref.ref[BaseDatabaseWrapper]", *args: Any, **kwargs: Any
) -> Any:
    connection = reference()
    assert connection is not None  # this is called by its method
    try:
        return type(connection).get_new_connection(connection, *args, **kwargs)
    except Exception as error:
        if is_interruption(error):
            raise
        if not unmeasured.get():
            count_connection_error(connection.alias, connection.vendor)
        raise


def _is_django_prometheus(connection: BaseDatabaseWrapper) -> bool:
    return type(connection).__module__.startswith("django_prometheus.")
