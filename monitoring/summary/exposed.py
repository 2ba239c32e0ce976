"""Gauges of the summary's figures, once for each host or site and not once for each worker."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring.exposition.names import FamilyNames
from monitoring.sessions import count_active
from monitoring.storage.merge import Merged
from monitoring.summary.local import local_source


class SummaryGauges:
    """A source for a scraper. Without requests, or without Redis, a gauge has no sample."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, merged: Merged, seconds: float, names: FamilyNames) -> Iterator[Metric]:
        error_rate = local_source(self._directory).error_rate(merged)
        active, _ = count_active()
        for name, help_text, value in (
            ("http_error_rate", "Percent of requests with status >= 400, 5 minutes.", error_rate),
            ("http_active_sessions", "Sessions and users active in 30 minutes.", active),
        ):
            if names.claim(name, "gauge"):
                family = GaugeMetricFamily(name, help_text)
                if value is not None:
                    family.add_metric([], float(value))
                yield family
