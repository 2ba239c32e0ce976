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


def with_whole_histograms(metrics: Iterable[Metric]) -> Samples:
    """The stock samples, but each histogram as the formats require it: what is half made has a
    bucket +Inf with all its counts; of what has no bucket yet there is nothing."""
    found: Samples = {}
    for metric in metrics:
        samples = samples_of([metric])
        if metric.type == "histogram":
            counts = {
                labels: value
                for (name, labels), value in samples.items()
                if name.endswith("_count")
            }
            samples = {key: value for key, value in samples.items() if _child(key[1]) in counts}
            for labels, value in counts.items():
                infinite = tuple(sorted((*labels, ("le", "+Inf"))))
                samples[f"{metric.name}_bucket", infinite] = value
        found |= samples
    return found


def _child(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in labels if pair[0] != "le")
