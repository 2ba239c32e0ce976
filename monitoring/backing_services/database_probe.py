"""Asks a database a question on a new connection, within a deadline that always holds.

Each alias has at most one question at a time. A caller that comes in between waits until its own
deadline, and then gets an error.
"""

from collections.abc import Callable
from contextvars import ContextVar
from math import ceil
from time import monotonic
from typing import Any, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.errors import DatabaseUnavailableError
from monitoring.primitives.deadline import NoThreadError, Runs, StillRunningError
from monitoring.primitives.per_process import per_process
from monitoring.storage.self_report import logger

T = TypeVar("T")

# Connections made while this is set are monitoring's own, and are not counted.
unmeasured: ContextVar[bool] = ContextVar("monitoring_unmeasured", default=False)


def ask(alias: str, question: Callable[[BaseDatabaseWrapper], T], seconds: float) -> T:
    """The result of `question`, called with a new connection to the database.

    Raises DatabaseUnavailableError after `seconds` at the latest.
    """
    deadline = monotonic() + seconds
    opened: list[BaseDatabaseWrapper] = []

    def work() -> T:
        unmeasured.set(True)  # in this thread only
        opened.append(new_connection(alias, seconds))
        return question(opened[0])

    def close() -> None:
        try:
            for connection in opened:
                connection.close()
        except Exception:
            logger.exception("a connection to %s could not be closed", alias)

    try:
        run = _runs().start(
            alias, work, name=f"monitoring-{alias}", afterwards=close, patience_until=deadline
        )
    except StillRunningError:
        raise DatabaseUnavailableError(f"{alias}: an earlier question has no answer yet") from None
    except NoThreadError as error:
        raise DatabaseUnavailableError(f"{alias}: no thread can be started") from error
    if not run.wait(deadline):
        raise DatabaseUnavailableError(f"{alias}: no answer within {seconds:g} s")
    if run.error is not None:
        raise DatabaseUnavailableError(f"{alias}: {type(run.error).__name__}") from run.error
    answer: T = run.value()
    return answer


@per_process
def _runs() -> Runs[Any]:
    return Runs()


def new_connection(alias: str, seconds: float) -> BaseDatabaseWrapper:
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
    connection.connect()
    return connection  # type: ignore[no-any-return]
