"""Asks a database about itself on a connection of its own, within a deadline that always holds.

The work is done in a thread: a server that is stopped, or a network that swallows packets, keeps a
driver waiting, whatever timeouts it was given. At most one such thread waits for each alias; who
comes while it does gets an error at the end of their own deadline.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil
from time import monotonic
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.errors import DatabaseUnavailableError
from monitoring.storage.self_report import logger

T = TypeVar("T")

# Connections made under this flag are ours: they are no traffic of the site.
unmeasured: ContextVar[bool] = ContextVar("monitoring_unmeasured", default=False)


def ask(alias: str, question: Callable[[BaseDatabaseWrapper], T], seconds: float) -> T:
    """What `question` gives for a new connection to the database.

    Raises DatabaseUnavailableError after `seconds` at the latest.
    """
    deadline = monotonic() + seconds
    lock = _locks_of(os.getpid())[alias]
    if not lock.acquire(timeout=seconds):
        raise DatabaseUnavailableError(f"{alias}: an earlier question has no answer yet")
    answer: _Answer[T] = _Answer()
    try:
        threading.Thread(
            target=_work,
            args=(alias, question, seconds, answer, lock),
            name=f"monitoring-{alias}",
            daemon=True,
        ).start()
    except RuntimeError as error:
        lock.release()
        raise DatabaseUnavailableError(f"{alias}: no thread can be started") from error
    if not answer.done.wait(max(deadline - monotonic(), 0.0)):
        raise DatabaseUnavailableError(f"{alias}: no answer within {seconds:g} s")
    if answer.error is not None:
        raise DatabaseUnavailableError(f"{alias}: {type(answer.error).__name__}") from answer.error
    return answer.values[0]


@dataclass
class _Answer(Generic[T]):
    done: threading.Event = field(default_factory=threading.Event)
    values: list[T] = field(default_factory=list)
    error: Exception | None = None


def _work(
    alias: str,
    question: Callable[[BaseDatabaseWrapper], T],
    seconds: float,
    answer: _Answer[T],
    lock: threading.Lock,
) -> None:
    unmeasured.set(True)
    connection: BaseDatabaseWrapper | None = None
    try:
        connection = new_connection(alias, seconds)
        answer.values.append(question(connection))
    except Exception as error:
        answer.error = error
    finally:
        answer.done.set()
        try:
            if connection is not None:
                connection.close()
        except Exception:
            logger.exception("a connection to %s could not be closed", alias)
        finally:
            lock.release()


def new_connection(alias: str, seconds: float) -> BaseDatabaseWrapper:
    """A connection outside of the pool: an exhausted pool is just what one wants to see."""
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


@lru_cache(maxsize=1)
def _locks_of(pid: int) -> defaultdict[str, threading.Lock]:
    """A forked child has locks of its own: the parent's may have been held at the fork."""
    return defaultdict(threading.Lock)
