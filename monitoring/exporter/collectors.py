"""Runs custom collectors in the exporter, within a deadline, and checks their families."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connections
from django.utils.module_loading import import_string
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from monitoring.errors import SettingsError
from monitoring.exposition.family_names import FamilyNames, names_of
from monitoring.metrics.families import collector_errors_total

_LOG_EVERY_SECONDS = 60.0

logger = logging.getLogger("monitoring.exporter")


@dataclass(slots=True)
class _Outcome:
    """The result of a run: families, or the error."""

    families: list[Metric] | None = None
    error: BaseException | None = None


class _Run:
    """One collector and its latest run."""

    def __init__(self, path: str) -> None:
        """Raises whatever the collector's module or class raises."""
        self.path = path
        self._collector: Collector = import_string(path)()
        self._thread: threading.Thread | None = None
        self._outcome = _Outcome()
        self._log_after = float("-inf")
        self._errors = collector_errors_total().labels(path)

    def start(self) -> bool:
        """Begin a run. False if the last one has not ended: a collector has only one thread."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._outcome = _Outcome()
        self._thread = threading.Thread(
            target=self._collect, args=(self._outcome,), daemon=True, name=self.path
        )
        self._thread.start()
        return True

    def _collect(self, outcome: _Outcome) -> None:
        try:
            outcome.families = checked(self._collector.collect())
        except BaseException as error:
            outcome.error = error
        finally:
            connections.close_all()  # of this thread, which ends here

    def wait(self, seconds: float) -> list[Metric]:
        """The run's families; none, and an error is counted, if it failed or is late."""
        assert self._thread is not None
        self._thread.join(max(0.0, seconds))
        if self._outcome.families is not None:
            return self._outcome.families
        error = self._outcome.error
        self.fail("did not end in time" if error is None else f"failed: {error!r}")
        return []

    def fail(self, what: str) -> None:
        self._errors.inc()
        if time.monotonic() >= self._log_after:
            self._log_after = time.monotonic() + _LOG_EVERY_SECONDS
            logger.warning("collector %s %s; the rest is served", self.path, what)


class CustomCollectors:
    """The collectors of the setting COLLECTORS."""

    def __init__(self, paths: Iterable[str], seconds: float) -> None:
        """Each path names a Collector class or a function that makes one. Raises SettingsError."""
        self._runs = []
        self._seconds = seconds
        for path in paths:
            try:
                self._runs.append(_Run(path))
            except Exception as error:
                raise SettingsError(
                    f"MONITORING['COLLECTORS'] has {path!r}, which fails with {error!r}; allowed "
                    "are dotted paths of collector classes, or of functions that make a collector"
                ) from error

    def collect(self, seconds: float, names: FamilyNames) -> Iterator[Metric]:
        """The families that arrive within the deadline, or within `seconds` if that is less.

        A run that outlived the last scrape is not waited for again. A family whose name is taken
        is left out.
        """
        deadline = time.monotonic() + min(self._seconds, seconds)
        started = []
        for run in self._runs:
            if run.start():
                started.append(run)
            else:
                run.fail("has not ended since an earlier scrape")
        for run in started:
            for metric in run.wait(deadline - time.monotonic()):
                if names.claim(metric.name, metric.type):
                    yield metric
                else:
                    run.fail(f"gave the family {metric.name!r}, which there is already")


MAX_SAMPLES = 100_000  # of one collector in one run


def checked(metrics: Iterable[Metric]) -> list[Metric]:
    """The families, their values as floats.

    Raises ValueError or TypeError for what cannot be exposed: an object that is not a family, a
    sample with a foreign name, a duplicate series, a label that is not a string, too many samples.
    """
    result = []
    left = MAX_SAMPLES
    for metric in metrics:
        if not isinstance(metric, Metric):
            raise TypeError(f"{metric!r} is not a metric family")
        left -= len(metric.samples) + 1
        if left < 0:
            raise ValueError(f"more than {MAX_SAMPLES} samples")
        result.append(_checked(metric))
    return result


def _checked(metric: Metric) -> Metric:
    allowed = names_of(metric.name, metric.type)
    family = Metric(metric.name, str(metric.documentation), metric.type, metric.unit)
    seen = set()
    for sample in metric.samples:
        if not all(isinstance(text, str) for pair in sample.labels.items() for text in pair):
            raise TypeError(f"a label that is not a text in the family {metric.name!r}")
        if escape_metric_name(sample.name) not in allowed:
            raise ValueError(f"sample {sample.name!r} in the family {metric.name!r}")
        labels = {escape_label_name(name): value for name, value in sample.labels.items()}
        series = (sample.name, tuple(sorted(labels.items())))
        if series in seen or len(labels) < len(sample.labels):
            raise ValueError(f"a series or a label twice in the family {metric.name!r}")
        seen.add(series)
        family.samples.append(Sample(sample.name, labels, float(sample.value)))
    return family
