"""Which migrations of this code a database lacks, and the command that applies them."""

from functools import cache
from time import monotonic

from django.apps import apps
from django.conf import settings as django_settings
from django.db import DEFAULT_DB_ALIAS, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from monitoring.backing_services.database_probe import ask
from monitoring.conf import APP_LABEL
from monitoring.errors import DatabaseUnavailableError
from monitoring.models import Threshold

Migrations = frozenset[tuple[str, str]]  # (label of the app, name)


def missing_migrations(connection: BaseDatabaseWrapper) -> Migrations | None:
    """The migrations that are not applied; None if Django has no table of migrations there."""
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return None
    return all_migrations() - _with_replaced(frozenset(recorder.applied_migrations()))


def command_for(alias: str) -> str:
    """What applies the migrations."""
    command = "python manage.py migrate"
    return command if alias == DEFAULT_DB_ALIAS else f"{command} --database {alias}"


def needed_command(seconds: float) -> str:
    """The command, if the database of our tables or of the users lacks migrations; else empty.

    Empty as well if a database does not answer within `seconds`.
    """
    deadline = monotonic() + seconds
    users = apps.get_model(django_settings.AUTH_USER_MODEL)
    for alias in dict.fromkeys((router.db_for_write(Threshold), router.db_for_read(users))):
        try:
            missing = ask(alias, missing_migrations, max(deadline - monotonic(), 0.0))
        except DatabaseUnavailableError:
            return ""
        if missing is None or missing:
            return command_for(alias)
    return ""


def all_migrations() -> Migrations:
    """Those of this code, without ours in a project without users: they refer to its user model."""
    replaced = {key for migration in _on_disk().values() for key in migration.replaces}
    known = frozenset(_on_disk()) - replaced
    user_app = django_settings.AUTH_USER_MODEL.partition(".")[0]
    if user_app in apps.app_configs:
        return known
    return frozenset(key for key in known if key[0] != APP_LABEL)


@cache
def _on_disk() -> dict[tuple[str, str], Migration]:
    """They do not change while the process runs."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()  # without the graph, which needs the app of every dependency
    return loader.disk_migrations


def _with_replaced(applied: Migrations) -> Migrations:
    """With squashed migrations whose originals are all applied: `migrate` treats them so, too."""
    return applied | {
        key
        for key, migration in _on_disk().items()
        if migration.replaces and set(migration.replaces) <= applied
    }
