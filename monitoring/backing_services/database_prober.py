"""Asks a database whether it answers, on one connection that is kept while it is asked often.

A new connection costs the server a process and the caller some milliseconds, also for a request
whose credentials turn out to be worthless.
"""

import contextlib
import os
import socket
import threading
from time import monotonic

from django.core import mail
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.backing_services.database_probe import answers, close, connect, unmeasured
from monitoring.errors import DatabaseUnavailableError
from monitoring.primitives.deadline import NoAnswerError, Runs, cut
from monitoring.primitives.per_process import per_process

IDLE_SECONDS = 10.0  # longer than between two polls of the status page


def probe(alias: str, seconds: float) -> None:
    """Return when the database has answered; who ask at the same time share an answer.

    Raises DatabaseUnavailableError after `seconds` at the latest.
    """
    probers = _probers()
    prober = probers.get(alias) or probers.setdefault(alias, _Prober(alias))
    prober.ask(seconds)


class _Prober:
    """One question at a time, on one connection, in a thread; one timer closes it when idle."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._runs: Runs[None] = Runs()
        self._lock = threading.Lock()  # held for moments
        self._kept: BaseDatabaseWrapper | None = None
        self._in_use: BaseDatabaseWrapper | None = None
        self._used = monotonic()
        self._timer: threading.Timer | None = None

    def ask(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        try:
            self._runs.ask(
                self._alias,
                lambda: self._answer(deadline),
                seconds,
                name=f"monitoring-probe-{self._alias}",
                shared=True,
                cancel=lambda: _cut_off(self._in_use),
            )
        except NoAnswerError as error:
            raise DatabaseUnavailableError(f"{self._alias}: {error}") from error

    def _answer(self, deadline: float) -> None:
        unmeasured.set(True)  # in this run's own thread
        with self._lock:
            self._in_use, self._kept = self._kept, None
        if self._in_use is not None and not self._still_answers(self._in_use, deadline):
            self._in_use = None
        if self._in_use is None:
            self._in_use = connect(self._alias, max(deadline - monotonic(), 0.1))
            self._in_use.inc_thread_sharing()
            try:
                answers(self._in_use)
            except BaseException:
                _close(self._in_use)
                raise
        self._keep(self._in_use)

    def _still_answers(self, connection: BaseDatabaseWrapper, deadline: float) -> bool:
        """Whether it does. False after a restart of the server, say. Raises after the deadline."""
        try:
            answers(connection)
        except Exception:
            _close(connection)
            if monotonic() >= deadline:
                raise
            return False
        return True

    def _keep(self, connection: BaseDatabaseWrapper) -> None:
        if not _may_be_kept(connection):
            _close(connection)
            return
        with self._lock:
            self._used, self._kept = monotonic(), connection
            if self._timer is None and not self._start_timer(IDLE_SECONDS):
                self._kept = None
                _close(connection)

    def _start_timer(self, seconds: float) -> bool:
        timer = threading.Timer(seconds, self._close_if_idle)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # no more threads
            self._timer = None
            return False
        self._timer = timer
        return True

    def _close_if_idle(self) -> None:
        with self._lock:
            left = self._used + IDLE_SECONDS - monotonic()
            if left > 0 and self._start_timer(left):
                return
            idle, self._kept, self._timer = self._kept, None, None
        if idle is not None:
            _close(idle)


def _may_be_kept(connection: BaseDatabaseWrapper) -> bool:
    """Not one to a file, which costs little, nor in a test run, which drops its database."""
    if connection.vendor == "sqlite" or hasattr(mail, "outbox"):
        return False
    if not connection.get_autocommit():
        connection.set_autocommit(True)  # else a transaction would stay open
    return True


def _close(connection: BaseDatabaseWrapper) -> None:
    with contextlib.suppress(Exception):  # it is broken anyway
        close(connection)


def _cut_off(connection: BaseDatabaseWrapper | None) -> None:
    """End what the driver waits for, where it tells its socket."""
    with contextlib.suppress(Exception):
        raw = connection.connection if connection is not None else None
        with socket.socket(fileno=os.dup(raw.fileno())) as of_the_driver:  # type: ignore[union-attr]
            cut(of_the_driver)


@per_process
def _probers() -> dict[str, _Prober]:
    return {}
