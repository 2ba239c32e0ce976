"""Custom collectors: run once, in the exporter, each within its deadline."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.module_loading import import_string
from prometheus_client import Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_LOG_EVERY_SECONDS = 60.0

logger = logging.getLogger("monitoring.exporter")


@dataclass
class _Run:
    """One collector and its latest run."""

    path: str
    collector: Collector
    thread: threading.Thread | None = None
    result: list[Metric] | None = None
    error: BaseException | None = None
    log_after: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin a run, unless the last one has not ended: one thread for each, never more."""
        if self.thread is None or not self.thread.is_alive():
            self.result, self.error = None, None
            self.thread = threading.Thread(target=self._collect, daemon=True, name=self.path)
            self.thread.start()

    def _collect(self) -> None:
        try:
            self.result = list(self.collector.collect())
        except BaseException as error:
            self.error = error


class CustomCollectors:
    """The collectors of the setting COLLECTORS."""

    def __init__(self, paths: tuple[str, ...], seconds: float) -> None:
        """Each path names a Collector class or a function that makes one. Raises ImportError."""
        self._runs = [_Run(path, import_string(path)()) for path in paths]
        self._seconds = seconds
        self._errors = Counter(
            "monitoring_collector_errors_total",
            "Runs of a custom collector that failed or did not end in time.",
            ["collector"],
        )
        for path in paths:
            self._errors.labels(path)

    def collect(self, seconds: float) -> Iterator[Metric]:
        """What the collectors gave within their deadline, or within `seconds` if that is less."""
        deadline = time.monotonic() + min(self._seconds, seconds)
        for run in self._runs:
            run.start()
        for run in self._runs:
            assert run.thread is not None
            run.thread.join(max(0.0, deadline - time.monotonic()))
            if run.result is not None:
                yield from run.result
            else:
                self._fail(run)

    def _fail(self, run: _Run) -> None:
        self._errors.labels(run.path).inc()
        if time.monotonic() >= run.log_after:
            run.log_after = time.monotonic() + _LOG_EVERY_SECONDS
            what = "did not end in time" if run.error is None else f"failed: {run.error!r}"
            logger.warning("collector %s %s; the rest is served", run.path, what)
