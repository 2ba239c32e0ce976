"""Whether the databases answer, and whether their migrations have been applied."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from monitoring.conf import get_settings
from monitoring.databases.probe import new_connection, unmeasured
from monitoring.health.examiner import CheckError, Probe
from monitoring.health.findings import Finding, Status

_DUMMY = "django.db.backends.dummy"

ANSWERS = Finding(Status.HEALTHY, "The database answers.")
NO_ANSWER = Finding(Status.UNHEALTHY, "The database does not answer.")
MIGRATED = Finding(Status.HEALTHY, "All migrations are applied.")
PENDING = Finding(Status.UNHEALTHY, "Migrations are not applied yet.")


def aliases() -> list[str]:
    """The databases that count: HEALTH_DATABASES, else all that are configured."""
    configured = [name for name, each in connections.settings.items() if each["ENGINE"] != _DUMMY]
    chosen = get_settings().HEALTH_DATABASES
    return [name for name in configured if not chosen or name in chosen]


def database_probe(alias: str) -> Probe:
    """SELECT 1."""

    def probe(seconds: float, last: Finding | None) -> Finding:
        try:
            with _connected(alias, seconds) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
        except Exception as error:
            raise CheckError(NO_ANSWER) from error
        return ANSWERS

    return probe


def migrations_probe(alias: str) -> Probe:
    """Whether every migration of this code is applied. A database without any is not Django's."""

    def probe(seconds: float, last: Finding | None) -> Finding:
        try:
            with _connected(alias, seconds) as connection:
                recorder = MigrationRecorder(connection)
                has_table = recorder.has_table()
                applied = set(recorder.applied_migrations()) if has_table else set()
        except Exception as error:
            raise CheckError(NO_ANSWER) from error
        if not has_table and alias != "default":
            return Finding(Status.DISABLED, "Not migrated by Django.")
        waiting = _migrations() - applied - _replaced_by(applied)
        if waiting:
            example = ".".join(min(waiting))
            raise CheckError(PENDING) from _PendingError(
                f"{alias}: {len(waiting)}, {example} first"
            )
        return MIGRATED

    return probe


class _PendingError(Exception):
    """For the log."""


@contextmanager
def _connected(alias: str, seconds: float) -> Iterator[BaseDatabaseWrapper]:
    """A connection of our own, closed at the end; it is no traffic of the site."""
    unmeasured.set(True)  # in this check's thread only
    connection = new_connection(alias, seconds)
    try:
        yield connection
    finally:
        connection.close()


@cache
def _loader() -> MigrationLoader:
    """The migrations of this code; they do not change while the process lives."""
    return MigrationLoader(None)


def _migrations() -> frozenset[tuple[str, str]]:
    return frozenset(key for key in _loader().graph.nodes if key in _loader().disk_migrations)


def _replaced_by(applied: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Squashed migrations all of whose originals are applied: `migrate` counts them as applied."""
    return {
        key
        for key, migration in _loader().disk_migrations.items()
        if migration.replaces and set(migration.replaces) <= applied
    }
