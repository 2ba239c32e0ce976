"""Families that are worked out from others at exposition, and our own figures about the scrape."""

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from monitoring.derived_families import FILES, SCRAPE_DURATION, STATUS
from monitoring.storage.merge import Merged


def status_counters(merged: Merged) -> Iterator[Metric]:
    """`http_status_{code}_total`: `http_requests_total` summed over method and route."""
    totals: dict[str, float] = defaultdict(float)
    for line, value in merged.samples("http_requests"):
        totals[dict(line.labels)["status"]] += value
    for status in sorted(totals):
        yield CounterMetricFamily(
            STATUS.name.format(code=status),
            STATUS.help.format(code=status),
            value=totals[status],
        )


def scrape_figures(merged: Merged, seconds: float) -> Iterator[Metric]:
    """What this scrape read, and how long the merge took until now."""
    files = FILES.new()
    files.add_metric(["ok"], merged.files - merged.damaged)
    files.add_metric(["damaged"], merged.damaged)
    files.add_metric(["empty"], merged.empty)
    yield files
    duration = SCRAPE_DURATION.new()
    duration.add_metric([], seconds)
    yield duration
