"""Which migrations of this code a database lacks, and the command that applies them."""

from collections.abc import Iterable
from functools import cache
from time import monotonic
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.db import DEFAULT_DB_ALIAS, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from monitoring.backing_services.database_probe import ask
from monitoring.conf import APP_LABEL
from monitoring.errors import DatabaseUnavailableError

Migrations = frozenset[tuple[str, str]]  # (label of the app, name)


def missing_migrations(connection: BaseDatabaseWrapper) -> Migrations | None:
    """The migrations that are not applied; None if Django has no table of migrations there."""
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return None
    wanted = wanted_migrations(connection.alias)
    return wanted - _with_replaced(frozenset(recorder.applied_migrations()))


def command_for(alias: str) -> str:
    """What applies the migrations."""
    command = "python manage.py migrate"
    return command if alias == DEFAULT_DB_ALIAS else f"{command} --database {alias}"


def needed_command(aliases: Iterable[str], seconds: float) -> str:
    """The command, if one of the databases lacks migrations; else empty.

    Empty as well if a database does not answer within `seconds`.
    """
    deadline = monotonic() + seconds
    for alias in aliases:
        try:
            missing = ask(alias, missing_migrations, max(deadline - monotonic(), 0.0))
        except DatabaseUnavailableError:
            return ""
        if missing is None or missing:
            return command_for(alias)
    return ""


def wanted_migrations(alias: str) -> Migrations:
    """Those of the apps that the routers let into the database."""
    labels = _apps_in(alias)
    return frozenset(key for key in _all() if key[0] in labels)


def is_routed_to(alias: str) -> bool:
    """Whether a router names the alias. To have no opinion is to allow it, which says nothing."""
    return any(
        alias in (router.db_for_read(model), router.db_for_write(model))
        or any(_allows(each, alias, model) for each in router.routers)
        for label in _apps_in(alias)
        for model in _models_of(label)
    )


def _apps_in(alias: str) -> set[str]:
    """The labels of the apps that may migrate there; one without models asks for itself."""
    return {
        label
        for label in {label for label, _ in _all()}
        if any(router.allow_migrate_model(alias, model) for model in _models_of(label))
        or (not _models_of(label) and router.allow_migrate(alias, label))
    }


def _models_of(label: str) -> list[type[Model]]:
    return list(apps.get_app_config(label).get_models(include_auto_created=True))


def _allows(one: Any, alias: str, model: type[Model]) -> bool:
    names = {"model_name": model._meta.model_name, "model": model}
    return hasattr(one, "allow_migrate") and bool(
        one.allow_migrate(alias, model._meta.app_label, **names)
    )


def _all() -> Migrations:
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
