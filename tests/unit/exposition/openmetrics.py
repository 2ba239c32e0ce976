"""OpenMetrics as we write it, and as prometheus-client's strict parser reads it."""

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitoring.exposition.text import TextRenderer
from monitoring.merging.merge import Merged


def openmetrics(merged: Merged, *extra: Metric) -> str:
    return TextRenderer().render_openmetrics(merged, extra).decode()


def parsed(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}
