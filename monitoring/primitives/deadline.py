"""Runs work in a thread, so that the caller's deadline holds whatever the work does.

A stopped server or a network that drops packets can block a driver for longer than the timeouts it
was given, and a server that sends a byte now and then starts them anew with each. Only a caller in
another thread can continue in time. It then cuts the connection off, so that the work ends, too.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class StillRunningError(Exception):
    """The previous run of this key has not ended yet."""


class NoThreadError(Exception):
    """No thread can be started: the system is at its limit, or the interpreter is ending."""


class NoAnswerError(Exception):
    """The work has no result. The text says why; the cause is what the work raised, if it did."""


class Run(Generic[T]):
    """Work that has started. Any number of threads may wait for its result."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.error: BaseException | None = None
        self._values: list[T] = []
        self._answered = threading.Event()
        self._ended = threading.Event()

    def wait(self, until: float) -> bool:
        """Wait until `until` (monotonic seconds); returns whether the work has finished."""
        return self._answered.wait(max(0.0, until - time.monotonic()))

    def wait_for_end(self, until: float) -> bool:
        """As `wait`, but for the end of the run: `afterwards` is over and the key is free."""
        return self._ended.wait(max(0.0, until - time.monotonic()))

    def value(self) -> T:
        """The result of the work, once `wait` has returned True. Raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self._values[0]


def cut(connection: socket.socket | None) -> None:
    """End a connection that another thread waits for: that thread sees its end at once."""
    if connection is not None:
        with contextlib.suppress(OSError):
            # Not SSLSocket's own shutdown, which no other thread may call.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Runs(Generic[T]):
    """Runs work in daemon threads, one run at a time for each key, so that late runs never pile up.

    Each caller waits until its own deadline. A late run goes on unless its `cancel` ends it; until
    it ends, no other run of its key starts. The process does not wait for runs when it exits. An
    instance must not be used across a fork: keep it with `per_process`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held for the look-up only
        self._running: dict[Hashable, Run[T]] = {}

    def ask(
        self,
        key: Hashable,
        work: Callable[[], T],
        seconds: float,
        *,
        name: str,
        afterwards: Callable[[], object] | None = None,
        shared: bool = False,
        cancel: Callable[[], object] | None = None,
    ) -> T:
        """The result of a run of its own, which starts once the key's earlier run has ended.

        With `shared`, callers that ask while the key's run has no result yet get that run's result:
        for questions that have the same answer for all. `cancel` makes a late run end: it closes
        what the run waits for. Raises NoAnswerError after `seconds` at the latest, the wait for an
        earlier run included.
        """
        deadline = time.monotonic() + seconds
        try:
            if shared:
                run = self.join(key, work, name=name, afterwards=afterwards)
            else:
                run = self.start(
                    key, work, name=name, afterwards=afterwards, patience_until=deadline
                )
        except StillRunningError:
            raise NoAnswerError("an earlier question has no answer yet") from None
        except NoThreadError as error:
            raise NoAnswerError("no thread can be started") from error
        if not run.wait(deadline):
            if cancel is not None:
                cancel()
            raise NoAnswerError(f"no answer within {seconds:g} s")
        if run.error is not None:
            raise NoAnswerError(type(run.error).__name__) from run.error
        return run.value()

    def start(
        self,
        key: Hashable,
        work: Callable[[], T],
        *,
        name: str,
        afterwards: Callable[[], object] | None = None,
        patience_until: float = float("-inf"),
    ) -> Run[T]:
        """Start a run in a thread called `name`.

        The thread calls `afterwards` whether or not the work failed: after the result is available,
        so that closing a connection delays nobody, and before the key is free again. Raises
        StillRunningError if an earlier run of this key has not ended by `patience_until` (monotonic
        seconds), and NoThreadError.
        """
        run: Run[T] = Run()
        while (earlier := self._enter(key, run)) is not run:
            if not earlier.wait_for_end(patience_until):
                raise StillRunningError
        self._launch(key, run, work, name, afterwards)
        return run

    def join(
        self,
        key: Hashable,
        work: Callable[[], T],
        *,
        name: str,
        afterwards: Callable[[], object] | None = None,
    ) -> Run[T]:
        """The run of this key that has no result yet, else a new one. Raises NoThreadError.

        If the thread cannot be started, callers that joined the run in between get the same error.
        """
        run: Run[T] = Run()
        with self._lock:
            earlier = self._running.get(key)
            if earlier is not None and not earlier._answered.is_set():
                return earlier
            # A finished run is not reused: later callers need a fresh result.
            self._running[key] = run
        self._launch(key, run, work, name, afterwards)
        return run

    def _enter(self, key: Hashable, run: Run[T]) -> Run[T]:
        with self._lock:
            return self._running.setdefault(key, run)

    def _launch(
        self,
        key: Hashable,
        run: Run[T],
        work: Callable[[], T],
        name: str,
        afterwards: Callable[[], object] | None,
    ) -> None:
        def in_thread() -> None:
            try:
                run._values.append(work())
            except BaseException as error:  # the waiting callers must learn of a SystemExit, too
                run.error = error
            try:
                if afterwards is not None:
                    run._answered.set()
                    afterwards()
            finally:
                self._leave(key, run)

        thread = threading.Thread(target=in_thread, name=name, daemon=True)
        try:
            thread.start()
        except BaseException as error:
            if thread.ident is None:  # not started, so nothing else would free the key
                run.error = NoThreadError("no thread can be started")
                self._leave(key, run)
            if isinstance(error, RuntimeError) and run.error is not None:
                raise run.error from error
            raise

    def _leave(self, key: Hashable, run: Run[T]) -> None:
        with self._lock:
            if self._running.get(key) is run:
                del self._running[key]
        run._answered.set()
        run._ended.set()
