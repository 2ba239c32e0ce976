"""The families of monitoring's own work.

Those of drops and of corrupt files are in `storage/own_counters.py`: the storage counts them while
it has no file, and imports nothing from here.
"""

from functools import cache

from prometheus_client import Counter

from monitoring.metrics import names


@cache
def merges_total() -> Counter:
    """Counts the merges of the metrics directory in all processes."""
    return Counter(
        names.MONITORING_MERGES,
        "Merges of the metrics directory; scrapes at one time share a merge.",
    )


@cache
def collector_errors_total() -> Counter:
    """Counts failures of custom collectors in the exporter."""
    return Counter(
        names.MONITORING_COLLECTOR_ERRORS,
        "Runs of a custom collector that failed, were late or gave families that clash.",
        ["collector"],
    )
