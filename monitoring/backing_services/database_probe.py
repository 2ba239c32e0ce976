"""Asks a database within a deadline that always holds, on a connection of monitoring's own.

Each alias has at most one question at a time. A caller that comes in between waits until its own
deadline, and then gets an error.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from math import ceil
from typing import Any, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.errors import DatabaseUnavailableError
from monitoring.primitives.deadline import NoAnswerError, Runs
from monitoring.primitives.per_process import per_process
from monitoring.storage.self_report import logger

T = TypeVar("T")

# Connections made while this is set are monitoring's own, and are not counted.
unmeasured: ContextVar[bool] = ContextVar("monitoring_unmeasured", default=False)

_DUMMY_ENGINE = "django.db.backends.dummy"  # Django's for a project without a database


def configured_aliases() -> list[str]:
    """The aliases in DATABASES that have a database behind them."""
    return [
        alias
        for alias, options in connections.settings.items()
        if options["ENGINE"] != _DUMMY_ENGINE
    ]


def ask(alias: str, question: Callable[[BaseDatabaseWrapper], T], seconds: float) -> T:
    """The result of `question`, called with a new connection to the database.

    Raises DatabaseUnavailableError after `seconds` at the latest.
    """
    opened = ExitStack()

    def work() -> T:
        return question(opened.enter_context(own_connection(alias, seconds)))

    def close_opened() -> None:
        try:
            opened.close()
            close_all()  # a question may use the thread's own, as Django's MigrationRecorder does
        except Exception:
            logger.exception("a connection to %s could not be closed", alias)

    try:
        answer: T = _runs().ask(
            alias, work, seconds, name=f"monitoring-{alias}", afterwards=close_opened
        )
    except NoAnswerError as error:
        raise DatabaseUnavailableError(f"{alias}: {error}") from error
    return answer


def answers(connection: BaseDatabaseWrapper) -> None:
    """The smallest question. Raises what the driver raises if the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1{connection.features.bare_select_suffix}")
        cursor.fetchone()


def wait_for_pool(alias: str, seconds: float) -> None:
    """Wait until the alias's pool has a free connection; return at once without a pool.

    Raises DatabaseUnavailableError after `seconds`.
    """
    pool = getattr(connections[alias], "pool", None)
    if pool is None:
        return
    try:
        pool.putconn(pool.getconn(timeout=seconds))
    except Exception as error:
        raise DatabaseUnavailableError(f"{alias}: {type(error).__name__}") from error


@contextmanager
def own_connection(alias: str, seconds: float) -> Iterator[BaseDatabaseWrapper]:
    """A new connection whose queries are not counted; closed at the end.

    `seconds` bounds the connecting where the driver can; the caller's deadline needs `ask`.
    """
    token = unmeasured.set(True)
    try:
        connection = connect(alias, seconds)
        try:
            yield connection
        finally:
            close(connection)
    finally:
        unmeasured.reset(token)


@per_process
def _runs() -> Runs[Any]:
    return Runs()


def close(connection: BaseDatabaseWrapper) -> None:
    """Close it, also where Django does not: a database in memory, as of a project's tests."""
    connection.close()
    raw, connection.connection = connection.connection, None
    if raw is not None:
        raw.close()


def close_all() -> None:
    """Close the connections of this thread, which is ours and ends now."""
    for connection in connections.all(initialized_only=True):
        close(connection)


def connect(alias: str, seconds: float) -> BaseDatabaseWrapper:
    """A connected connection outside the pool, so that it works while the pool is exhausted."""
    connection: Any = connections.create_connection(alias)
    options = {**connection.settings_dict["OPTIONS"]}
    whole_seconds = max(ceil(seconds), 1)
    if connection.vendor == "postgresql":
        options.pop("pool", None)
        options["connect_timeout"] = whole_seconds
    elif connection.vendor == "mysql":
        options["connect_timeout"] = options["read_timeout"] = whole_seconds
    elif connection.vendor == "sqlite":
        options["timeout"] = seconds
    connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    try:
        connection.connect()
    except BaseException:  # perhaps of what follows the connecting, such as a first statement
        with suppress(Exception):
            close(connection)
        raise
    return connection  # type: ignore[no-any-return]
