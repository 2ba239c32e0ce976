"""Answers 503 if the users' database is away, which authentication needs, or is not migrated."""

import contextlib
from importlib import import_module
from time import monotonic

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, OperationalError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest

from monitoring.alerts.admins import user_model
from monitoring.api.plain_json import UnavailableError
from monitoring.backing_services.database_probe import configured_aliases, wait_for_pool
from monitoring.backing_services.database_prober import probe
from monitoring.backing_services.migration_state import needed_command
from monitoring.errors import DatabaseUnavailableError
from monitoring.models import own_alias
from monitoring.storage.self_report import logger

DATABASE_UNAVAILABLE = "database_unavailable"  # the code of the 503


def check_users() -> None:
    """Raises UnavailableError if the project has no users, of whom one could be an admin."""
    if user_model() is None:
        raise UnavailableError(
            "The project has no users: AUTH_USER_MODEL is not installed.", "no_users"
        )


def check_database(request: HttpRequest, deadline: float) -> None:
    """Raises UnavailableError if a database does not answer by `deadline` (monotonic seconds).

    A request without credentials is not checked: it is refused without the database.
    """
    if not _has_credentials(request):
        return
    try:
        for alias in _needed_aliases() & {*configured_aliases()}:
            probe(alias, max(deadline - monotonic(), 0.0))
            wait_for_pool(alias, max(deadline - monotonic(), 0.0))
    except DatabaseUnavailableError as error:
        logger.warning("the database cannot be asked: %s", error)
        raise UnavailableError("The database does not answer.", DATABASE_UNAVAILABLE) from error


def answer_to_failure(error: Exception, seconds: float) -> UnavailableError | None:
    """The answer to an error of the database that is no fault of a query, else None.

    Migrations are missing; or a connection failed although the database had just answered on
    another: it was restarted, or takes no more of them.
    """
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    if command := needed_command(sorted(_needed_aliases()), seconds):
        logger.warning("migrations are not applied (%s): %s", command, type(error).__name__)
        return UnavailableError(f"Migrations are not applied yet: run {command}.", "not_migrated")
    if isinstance(error, OperationalError | InterfaceError) and any(
        _is_broken(connections[alias]) for alias in _needed_aliases()
    ):
        logger.warning("a connection to the database failed: %s", type(error).__name__)
        return UnavailableError("The database does not answer.", DATABASE_UNAVAILABLE)
    return None


def _is_broken(connection: BaseDatabaseWrapper) -> bool:
    return connection.errors_occurred and (
        connection.connection is None or not connection.is_usable()
    )


def _needed_aliases() -> set[str]:
    """The databases that the router gives for sessions, for users and for our models."""
    needed = {own_alias()}
    with contextlib.suppress(ImproperlyConfigured):  # without such a model
        needed.add(router.db_for_read(get_user_model()))
    if apps.is_installed("django.contrib.sessions"):
        store = import_module(django_settings.SESSION_ENGINE).SessionStore
        if hasattr(store, "get_model_class"):  # not with sessions in caches, files or cookies
            needed.add(router.db_for_read(store.get_model_class()))
    return needed


def _has_credentials(request: HttpRequest) -> bool:
    cookie = getattr(django_settings, "SESSION_COOKIE_NAME", "sessionid")
    return "Authorization" in request.headers or cookie in request.COOKIES
