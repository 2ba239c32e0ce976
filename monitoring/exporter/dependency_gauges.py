"""Gauges of the health checks and of Celery's queues. A scrape never waits for either.

Two threads ask, from the first scrape on. A scrape shows their last results, unless they are old.
"""

from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from monitoring.backing_services.celery_broker import queue_lengths
from monitoring.conf import get_settings
from monitoring.exposition.claims import ClaimedNames
from monitoring.exposition.refreshed import Refreshed
from monitoring.health import catalogue
from monitoring.health.examiner import examiner
from monitoring.health.findings import GAUGE
from monitoring.merging.merge import Merged
from monitoring.metrics.derived import HEALTH_STATUS, QUEUE_LENGTH


class DependencyGauges:
    """A source for the exporter's scraper."""

    def __init__(self) -> None:
        interval = get_settings().HEALTH_SHARE_MS / 1000
        self._health = Refreshed("health-gauges", _health, interval)
        self._queues = Refreshed("queue-lengths", _queues, interval)

    def __call__(self, merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        for definition, refreshed in (
            (HEALTH_STATUS, self._health),
            (QUEUE_LENGTH, self._queues),
        ):
            values = refreshed.get()
            if values is not None and claimed.claim(definition.name, definition.type):
                family = definition.new()
                for label, value in values.items():
                    family.add_metric([label], value)
                yield family


def _health() -> Mapping[str, float]:
    report = examiner().examine(catalogue.checks_of_settings(catalogue.covered_names()), ())
    return {
        name: GAUGE[result.status]
        for name, result in report.results.items()
        if result.status in GAUGE
    }


def _queues() -> Mapping[str, float]:
    return queue_lengths(get_settings().HEALTH_CHECK_TIMEOUT_MS / 1000)
