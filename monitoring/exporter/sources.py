"""What the exporter adds to the merged registry."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.conf import get_settings
from monitoring.exporter.collectors import CustomCollectors
from monitoring.exporter.gunicorn import gunicorn_metrics
from monitoring.exporter.processes import read_slots, slot_metrics
from monitoring.exposition.scrape import Scraper
from monitoring.storage.merge import Merged


def exporter_scraper(directory: Path) -> Scraper:
    """A scraper with process, gunicorn and custom metrics. Raises ImportError for a bad path."""
    settings = get_settings()
    custom = CustomCollectors(settings.COLLECTORS, settings.COLLECTOR_TIMEOUT_MS / 1000)

    def system(merged: Merged, seconds: float) -> Iterator[Metric]:
        slots = read_slots(directory)
        yield from slot_metrics(slots)
        yield from gunicorn_metrics(directory, slots, merged.by_owner("http_requests_in_progress"))

    def collectors(merged: Merged, seconds: float) -> Iterator[Metric]:
        yield from custom.collect(seconds)

    return Scraper(directory, (system, collectors))
