"""The app's own health checks: databases, migrations, Redis, Celery's workers."""

import secrets
import time
from collections.abc import Callable
from functools import partial

from django.db import DEFAULT_DB_ALIAS

from monitoring.backing_services.celery_broker import celery_app, ping
from monitoring.backing_services.database_probe import answers, configured_aliases, own_connection
from monitoring.backing_services.migration_state import (
    is_routed_to,
    missing_migrations,
    wanted_migrations,
)
from monitoring.backing_services.redis_client import redis_client
from monitoring.conf import get_settings
from monitoring.health.findings import CheckError, Finding, Probe, Status

DATABASE_ANSWERS = Finding(Status.HEALTHY, "The database answers.")
DATABASE_SILENT = Finding(Status.UNHEALTHY, "The database does not answer.")
DATABASE_UNKNOWN = Finding(Status.UNHEALTHY, "HEALTH_DATABASES has a name that DATABASES has not.")
MIGRATED = Finding(Status.HEALTHY, "All migrations are applied.")
MIGRATIONS_MISSING = Finding(
    Status.UNHEALTHY, "Migrations are not applied yet: run python manage.py migrate."
)
MIGRATIONS_MISSING_ELSEWHERE = Finding(  # fixed texts: a public answer names no alias
    Status.UNHEALTHY,
    "Migrations are not applied yet: run python manage.py migrate --database NAME. "
    "The log has the name.",
)
NOT_DJANGOS = Finding(Status.DISABLED, "Not migrated by Django.")
REDIS_WORKS = Finding(Status.HEALTHY, "Redis answers.")
REDIS_SILENT = Finding(Status.UNHEALTHY, "Redis does not answer.")
REDIS_REFUSES = Finding(Status.UNHEALTHY, "Redis does not keep what it is given.")
NO_CELERY = Finding(Status.DISABLED, "Not configured.", {"workers": []})
NO_DRIVER = Finding(
    Status.UNHEALTHY, "A Python package for the broker is missing.", {"workers": []}
)
NO_BROKER = Finding(Status.UNHEALTHY, "The broker does not answer.", {"workers": []})

_REDIS_TTL_SECONDS = 10  # of a key that could not be deleted
_SEARCH_EVERY_SECONDS = 60.0  # for Celery workers that are not known yet


def database_probes() -> dict[str, Probe]:
    return _for_each_database("database", _probe_database)


def migrations_probes() -> dict[str, Probe]:
    return _for_each_database("migrations", _probe_migrations)


def _for_each_database(
    check: str, probe: Callable[[str, float, Finding | None], Finding]
) -> dict[str, Probe]:
    """Probes of HEALTH_DATABASES, or of all databases if it is empty."""
    there = configured_aliases()
    return {
        f"{check}:{alias}": partial(probe, alias) if alias in there else _no_such_database
        for alias in get_settings().HEALTH_DATABASES or there
    }


def _no_such_database(seconds: float, last: Finding | None) -> Finding:
    """A misspelt alias must not look like a database that answers."""
    return DATABASE_UNKNOWN


def _probe_database(alias: str, seconds: float, last: Finding | None) -> Finding:
    try:
        with own_connection(alias, seconds) as connection:
            answers(connection)
    except Exception as error:
        raise CheckError(DATABASE_SILENT) from error
    return DATABASE_ANSWERS


def _probe_migrations(alias: str, seconds: float, last: Finding | None) -> Finding:
    """Check that the migrations of all apps that the router lets into the database are applied.

    A database without Django's table of migrations may be another's: it is not checked unless it
    is `default`, or the router sends a model there.
    """
    if not wanted_migrations(alias):
        return NOT_DJANGOS
    try:
        with own_connection(alias, seconds) as connection:
            missing = missing_migrations(connection)
    except Exception as error:
        raise CheckError(DATABASE_SILENT) from error
    if missing is None and alias != DEFAULT_DB_ALIAS and not is_routed_to(alias):
        return NOT_DJANGOS
    if missing is None:
        missing = wanted_migrations(alias)
    if missing:
        first = ".".join(min(missing))
        is_default = alias == DEFAULT_DB_ALIAS
        raise CheckError(
            MIGRATIONS_MISSING if is_default else MIGRATIONS_MISSING_ELSEWHERE
        ) from _MissingError(f"{alias}: {len(missing)}, {first} first")
    return MIGRATED


class _MissingError(Exception):
    """Names a missing migration in the log."""


def redis_probes() -> dict[str, Probe]:
    return {"redis": _probe_redis} if get_settings().REDIS_URL else {}


def _probe_redis(seconds: float, last: Finding | None) -> Finding:
    """Write, read and delete a key on a new connection: a pool may be exhausted or broken."""
    settings = get_settings()
    key, value = f"{settings.REDIS_PREFIX}health:{secrets.token_hex(8)}", secrets.token_hex(8)
    try:
        with redis_client(settings.REDIS_URL, seconds) as client:
            client.set(key, value, ex=_REDIS_TTL_SECONDS)
            kept = client.get(key)
            client.delete(key)
    except Exception as error:
        raise CheckError(REDIS_SILENT) from error
    return REDIS_WORKS if kept == value else REDIS_REFUSES


def celery_probes() -> dict[str, Probe]:
    """Always one probe: it finds the application itself, so that its deadline covers the import."""
    return {"celery": _probe_celery}


def _probe_celery(seconds: float, last: Finding | None) -> Finding:
    """Ping the workers and wait for the known ones; once a minute, wait for unknown ones, too."""
    deadline = time.monotonic() + seconds
    app = celery_app()  # importing it may take a second of the deadline
    if app is None:
        return NO_CELERY
    memory = dict(last.memory) if last is not None else {}
    known = [name for name in memory.get("workers", ()) if isinstance(name, str)]
    searched = float(memory.get("searched", float("-inf")))
    now = time.monotonic()
    left = max(0.1, deadline - now)
    search = not known or not now - _SEARCH_EVERY_SECONDS <= searched <= now
    try:
        names = ping(
            app,
            left,
            0.4 * left,  # kombu may wait twice as long
            None if search else len(known),
        )
    except ImportError as error:  # the log names the package
        raise CheckError(NO_DRIVER) from error
    except Exception as error:
        raise CheckError(NO_BROKER) from error
    memory = {"workers": names, "searched": now if search else searched}
    if not names:
        return Finding(Status.UNHEALTHY, "No worker answers.", {"workers": []}, memory)
    answer = "1 worker answers." if len(names) == 1 else f"{len(names)} workers answer."
    return Finding(Status.HEALTHY, answer, {"workers": names}, memory)
