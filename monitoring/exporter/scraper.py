"""Builds the exporter's scraper, with all that it adds to the merged registry."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.alerts.threshold_gauges import ThresholdGauges
from monitoring.conf import get_settings
from monitoring.exporter.collectors import CustomCollectors
from monitoring.exporter.dependency_gauges import DependencyGauges
from monitoring.exposition.claims import ClaimedNames
from monitoring.exposition.scrape import Scraper
from monitoring.figures.summary_gauges import SummaryGauges
from monitoring.instruments.upkeep import upkeep
from monitoring.merging.merge import Merged
from monitoring.metrics.names import HTTP_REQUESTS_IN_PROGRESS
from monitoring.processes.process_metrics import read_slots, slot_metrics
from monitoring.processes.saturation import gunicorn_metrics

_COLLECTORS_SHARE = 0.8  # of the time that is left: the rest is for rendering


def exporter_scraper(directory: Path) -> Scraper:
    """A scraper with process, gunicorn and custom metrics. Raises SettingsError."""
    settings = get_settings()
    custom = CustomCollectors(settings.COLLECTORS, settings.COLLECTOR_TIMEOUT_MS / 1000)

    def system(merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        upkeep().tick()
        slots = read_slots(directory)
        in_progress = merged.by_owner(HTTP_REQUESTS_IN_PROGRESS)
        for metric in (*slot_metrics(slots), *gunicorn_metrics(directory, slots, in_progress)):
            if claimed.claim(metric.name, metric.type):
                yield metric

    def collectors(merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        yield from custom.collect(_COLLECTORS_SHARE * seconds, claimed)

    return Scraper(
        directory,
        (
            system,
            SummaryGauges(directory),
            ThresholdGauges(directory),
            DependencyGauges(),
            collectors,
        ),
    )
