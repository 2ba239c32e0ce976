"""Keeps django-prometheus's gauges of applied and unapplied migrations up to date, one per site.

django-prometheus sets them once at the start of each process, by pid. Here the worker in slot
`web-0` renews them every MIGRATIONS_EVERY_SECONDS in the background; the newest value is exposed.
"""

from time import monotonic

from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.backing_services.database_probe import ask, configured_aliases
from monitoring.conf import get_settings
from monitoring.errors import DatabaseUnavailableError
from monitoring.instruments.background import jobs
from monitoring.metrics.foreign_families import migration_gauges
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage import attach, own_counters
from monitoring.storage.self_report import report_error, report_failure
from monitoring.storage.slots import WEB, slot_name

_OWNER = slot_name(WEB, 0)


class MigrationWatch:
    """Renews the gauges when they are due, at a tick of the upkeep.

    It has no lock: the upkeep ticks in one thread at a time.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def look(self) -> None:
        """Queue a renewal if it is due. Never raises, never waits."""
        try:
            every = get_settings().MIGRATIONS_EVERY_SECONDS
            if not every or monotonic() < self._next:
                return
            self._next = monotonic() + every
            slot = attach()
            if slot is not None and slot.name == _OWNER:
                jobs.put(renew, own_counters.DROP_MIGRATIONS)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("the renewal of the migration figures could not be queued")


def renew() -> None:
    """Set the gauges of each alias; an alias that does not answer keeps its values."""
    applied, unapplied = migration_gauges()
    seconds = get_settings().DATABASE_TIMEOUT_MS / 1000
    for alias in configured_aliases():
        try:
            done, waiting = ask(alias, _count, seconds)
        except DatabaseUnavailableError:
            report_failure("the migrations could not be read")
            continue
        applied.labels(alias).set(done)
        unapplied.labels(alias).set(waiting)


def _count(connection: BaseDatabaseWrapper) -> tuple[int, int]:
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415  (heavy)

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return len(executor.loader.applied_migrations), len(plan)


migration_watch = MigrationWatch()
