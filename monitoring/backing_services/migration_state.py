"""Which migrations of this code a database lacks."""

from functools import cache

from django.apps import apps
from django.conf import settings as django_settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from monitoring.conf import APP_LABEL

Migrations = frozenset[tuple[str, str]]  # (label of the app, name)


def missing_migrations(connection: BaseDatabaseWrapper) -> Migrations | None:
    """The migrations that are not applied; None if Django has no table of migrations there."""
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return None
    return all_migrations() - _with_replaced(frozenset(recorder.applied_migrations()))


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
