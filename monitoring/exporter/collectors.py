"""Runs custom collectors in the exporter, within a deadline, and checks their families."""

import time
from collections.abc import Iterable, Iterator

from django.db import connections
from django.utils.module_loading import import_string
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from monitoring.errors import SettingsError
from monitoring.exposition.claims import ClaimedNames, names_of
from monitoring.metrics.own_families import collector_errors_total
from monitoring.primitives.deadline import NoThreadError, Run, Runs, StillRunningError
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger

MAX_SAMPLES = 100_000  # of one collector in one run

logger = OwnLogger("monitoring.exporter")


class _Custom:
    """One collector, run in a thread: one for each, never more."""

    def __init__(self, path: str) -> None:
        """Raises whatever the collector's module or class raises."""
        self.path = path
        self._collector: Collector = import_string(path)()
        self._runs: Runs[list[Metric]] = Runs()
        self._log_limit = LogLimit()
        self._errors = collector_errors_total().labels(path)

    def start(self) -> Run[list[Metric]] | None:
        """Begin a run; None, counted, if the last one has not ended."""
        try:
            return self._runs.start(
                self.path,
                lambda: checked(self._collector.collect()),
                name=self.path,
                afterwards=connections.close_all,  # of this thread, which ends there
            )
        except StillRunningError:
            self.fail("has not ended since an earlier scrape")
        except NoThreadError:
            self.fail("has no thread to run in")
        return None

    def families(self, run: Run[list[Metric]], until: float) -> list[Metric]:
        """What the run gave; nothing, counted, if it failed or is not done in time."""
        if not run.wait(until):
            self.fail("did not end in time")
            return []
        run.wait_for_end(until)  # else the next scrape could find the run still closing
        if run.error is not None:
            self.fail(f"failed: {run.error!r}")
            return []
        return run.value()

    def fail(self, what: str) -> None:
        self._errors.inc()
        if self._log_limit.passes():
            logger.warning("collector %s %s; the rest is served", self.path, what)


class CustomCollectors:
    """The collectors of the setting COLLECTORS."""

    def __init__(self, paths: Iterable[str], seconds: float) -> None:
        """Each path names a Collector class or a function that makes one. Raises SettingsError."""
        self._collectors: list[_Custom] = []
        self._seconds = seconds
        for path in paths:
            try:
                self._collectors.append(_Custom(path))
            except Exception as error:
                raise SettingsError(
                    f"MONITORING['COLLECTORS'] has {path!r}, which fails with {error!r}; allowed "
                    "are dotted paths of collector classes, or of functions that make a collector"
                ) from error

    def collect(self, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        """The families that arrive within the deadline, or within `seconds` if that is less.

        A run that outlived the last scrape is not waited for again. A family whose name is taken
        is left out.
        """
        deadline = time.monotonic() + min(self._seconds, seconds)
        started = [(each, run) for each in self._collectors if (run := each.start()) is not None]
        for each, run in started:
            for metric in each.families(run, deadline):
                if claimed.claim(metric.name, metric.type):
                    yield metric
                else:
                    each.fail(f"gave the family {metric.name!r}, which there is already")


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
