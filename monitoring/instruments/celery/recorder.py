"""Counts and times Celery tasks by Celery's signals. Its own exceptions never reach a task.

A prefork child counts the tasks that it runs, in its own slot. Only the parent learns the end of a
task whose child was killed.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import cache, wraps
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from celery import signals, states

from monitoring.instruments.upkeep import TICK_SECONDS, upkeep
from monitoring.metrics.celery_families import CeleryMetrics, celery_metrics
from monitoring.metrics.labels import OVERFLOW
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage import attach
from monitoring.storage.self_report import report_error

SENT_HEADER = "monitoring_sent_at"

_MAX_TASKS = 1000
_MAX_RUNNING = 10_000  # runs that have begun and not ended
# Exceptions that Celery's parent process reports when a child could not end its task.
_LOST = ("WorkerLostError", "TimeLimitExceeded")
_END_STATES = frozenset(
    {states.SUCCESS, states.FAILURE, states.RETRY, states.IGNORED, states.REJECTED, states.REVOKED}
)


def connect() -> None:
    """Idempotent."""
    _recorder().connect()


def _safely(receiver: Callable[..., None]) -> Callable[..., None]:
    @wraps(receiver)
    def receive(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("a Celery signal could not be recorded")

    return receive


class _Run(NamedTuple):
    """A run that has begun; `task` is its label, `started` in seconds of `perf_counter`."""

    request: Any
    task_id: str
    task: str
    started: float


class TaskRecorder:
    """Writes the metrics of tasks. All threads and greenlets of the process share it."""

    def __init__(self, metrics: CeleryMetrics) -> None:
        self._metrics = metrics
        self._tasks = BoundedNames(_MAX_TASKS, OVERFLOW)
        # By the id of its request, which the run keeps alive. A task id is not unique, because
        # greenlets and threads can start a retry before the run that asked for it has ended.
        self._running: dict[int, _Run] = {}
        self._requests: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._next_tick = float("-inf")
        self._is_connected = False

    def connect(self) -> None:
        if self._is_connected:
            return
        self._is_connected = True
        for signal, receiver in (
            (signals.worker_init, self._take_slot),
            (signals.worker_process_init, self._take_slot),
            (signals.beat_init, self._take_slot),
            (signals.heartbeat_sent, self._tend),
            (signals.before_task_publish, self._send),
            (signals.task_received, self._receive),
            (signals.task_prerun, self._begin),
            (signals.task_postrun, self._end),
            (signals.task_retry, self._retry),
            (signals.task_failure, self._lose),
            (signals.task_revoked, self._revoke),
            (signals.task_unknown, self._refuse_unknown),
            (signals.task_rejected, self._refuse_invalid),
        ):
            signal.connect(receiver, weak=False)

    def label(self, name: str) -> str:
        """The label of a task name; further names after _MAX_TASKS share one label."""
        return self._tasks.get(name) or self._tasks.learn(name, name)

    @_safely
    def _take_slot(self, **_: Any) -> None:
        attach()  # so that an idle worker is visible, too

    @_safely
    def _tend(self, **_: Any) -> None:
        # The parent runs no task, but its slot may hold the counts of an earlier owner.
        upkeep().tick()

    @_safely
    def _send(self, headers: dict[str, Any] | None = None, **_: Any) -> None:
        if headers is not None:
            headers[SENT_HEADER] = time.time()

    @_safely
    def _receive(self, request: Any = None, **_: Any) -> None:
        self._requests[request.id] = request

    @_safely
    def _begin(self, task_id: str, task: Any, **_: Any) -> None:
        self._look_after_files(time.perf_counter())
        name = self.label(task.name)
        if len(self._running) < _MAX_RUNNING:
            self._running[id(task.request)] = _Run(task.request, task_id, name, time.perf_counter())
            self._metrics.in_progress.labels(name).inc()
        self._metrics.started.labels(name).inc()
        waited = _queue_seconds(task.request, time.time())
        if waited is not None:
            self._metrics.queue.labels(name).observe(waited)

    @_safely
    def _end(self, task: Any, state: str | None = None, **_: Any) -> None:
        now = time.perf_counter()
        self._look_after_files(now)
        run = self._running.pop(id(task.request), None)
        if run is not None:
            self._metrics.in_progress.labels(run.task).dec()
            self._metrics.duration.labels(run.task, _known(state)).observe(now - run.started)

    def _look_after_files(self, now: float) -> None:
        # Before writes: a file that was cut short meanwhile would be a SIGBUS.
        if now >= self._next_tick:
            self._next_tick = now + TICK_SECONDS
            upkeep().tick()

    @_safely
    def _retry(self, sender: Any, **_: Any) -> None:
        # The parent sends this, too, for tasks that it requeues when its connection is lost.
        self._metrics.retries.labels(self.label(sender.name)).inc()

    @_safely
    def _lose(self, sender: Any, task_id: str, exception: BaseException, **_: Any) -> None:
        if type(exception).__name__ not in _LOST or any(
            run.task_id == task_id for run in list(self._running.values())
        ):
            return  # task_postrun will count its end
        request = self._requests.get(task_id)
        started = getattr(request, "time_start", None)
        seconds = max(0.0, time.time() - started) if started else 0.0
        name = self.label(sender.name)
        self._metrics.duration.labels(name, states.FAILURE).observe(seconds)

    @_safely
    def _revoke(
        self, sender: Any, terminated: bool = False, expired: bool = False, **_: Any
    ) -> None:
        reason = "terminated" if terminated else "expired" if expired else "revoked"
        self._metrics.revoked.labels(self.label(sender.name), reason).inc()

    @_safely
    def _refuse_unknown(self, **_: Any) -> None:
        self._metrics.refused.labels("unknown_task").inc()

    @_safely
    def _refuse_invalid(self, **_: Any) -> None:
        self._metrics.refused.labels("invalid").inc()


def _known(state: str | None) -> str:
    """The state as a label. A task may set any text as its state: that becomes UNKNOWN."""
    return state if state is not None and state in _END_STATES else "UNKNOWN"


def _queue_seconds(request: Any, now: float) -> float | None:
    """Seconds since the sending, or since the eta if that is later; None without our header."""
    sent = (request.headers or {}).get(SENT_HEADER)
    if isinstance(sent, bool) or not isinstance(sent, int | float):
        return None
    due = float(sent)
    if isinstance(request.eta, str):
        eta = datetime.fromisoformat(request.eta)
        if eta.tzinfo is not None:
            due = max(due, eta.timestamp())
    waited = now - due
    return max(0.0, waited) if waited == waited else None  # noqa: PLR0124  (not a number)


@cache
def _recorder() -> TaskRecorder:
    return TaskRecorder(celery_metrics())
