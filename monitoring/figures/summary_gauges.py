"""Gauges of two summary figures: the error rate of this host, the active sessions of the site."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.exposition.claims import ClaimedNames
from monitoring.figures.local_source import local_source
from monitoring.instruments.requests.sessions import count_active
from monitoring.merging.merge import Merged
from monitoring.metrics.derived import ACTIVE_SESSIONS, ERROR_RATE


class SummaryGauges:
    """A source of families for a scraper. A figure that is unknown has no sample."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        error_rate = local_source(self._directory).error_rate(merged)
        active, _ = count_active()
        for definition, value in ((ERROR_RATE, error_rate), (ACTIVE_SESSIONS, active)):
            if claimed.claim(definition.name, definition.type):
                family = definition.new()
                if value is not None:
                    family.add_metric([], float(value))
                yield family
