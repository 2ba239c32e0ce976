"""Gauges of two summary figures: the error rate of this host, the active sessions of the site."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.exposition.claims import ClaimedNames
from monitoring.figures.local_source import local_source
from monitoring.instruments.requests.sessions import count_active
from monitoring.merging.merge import Merged
from monitoring.metrics.derived import ACTIVE_SESSIONS, ERROR_RATE, DerivedFamily


class SummaryGauges:
    """A source of families for a scraper. A figure that is unknown has no sample."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        error_rate = local_source(self._directory).error_rate(merged)
        yield from _gauge(ERROR_RATE, error_rate, claimed)
        active, _ = count_active()
        yield from _gauge(ACTIVE_SESSIONS, active, claimed)


def _gauge(
    definition: DerivedFamily, value: float | None, claimed: ClaimedNames
) -> Iterator[Metric]:
    if claimed.claim(definition.name, definition.type):
        family = definition.new()
        if value is not None:
            family.add_metric([], float(value))
        yield family
