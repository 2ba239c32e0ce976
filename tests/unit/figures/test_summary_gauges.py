"""The gauges of the summary: of the window, and absent while nothing is known."""

from pathlib import Path

from prometheus_client.core import Metric

from monitoring.exposition.claims import ClaimedNames
from monitoring.figures.ring_file import start_afresh
from monitoring.figures.summary_gauges import SummaryGauges
from monitoring.merging.merge import shared_merger
from tests.unit.figures.conftest import CountRequests


def gauges(directory: Path) -> dict[str, Metric]:
    source = SummaryGauges(directory)
    merged = shared_merger(directory).merge()
    return {metric.name: metric for metric in source(merged, 1.0, ClaimedNames(frozenset()))}


def test_the_error_rate_gauge_is_that_of_the_window(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    assert gauges(metrics_directory)["http_error_rate"].samples == []
    count_requests([(200, 0.01), (200, 0.01), (200, 0.01), (503, 0.01)])
    (sample,) = gauges(metrics_directory)["http_error_rate"].samples
    assert sample.value == 25.0
    assert gauges(metrics_directory)["http_active_sessions"].samples == []
