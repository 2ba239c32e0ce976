"""The stock collector's view of a directory, to compare ours with."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(metrics: Iterable[Metric]) -> Samples:
    """Every sample, by name and sorted labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in metrics
        for sample in metric.samples
    }


def stock_metrics(directory: Path) -> list[Metric]:
    """What the stock collector makes of the directory, its files taken in the order of names."""
    files = sorted(str(path) for path in directory.glob("*.db"))
    return list(MultiProcessCollector.merge(files))


def stock_samples(directory: Path) -> Samples:
    return samples_of(stock_metrics(directory))
