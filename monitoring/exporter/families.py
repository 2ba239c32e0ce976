"""Checks what custom collectors give, so that none can make an exposition that no one can read."""

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name
from prometheus_client.samples import Sample

from monitoring.exposition.names import names_of

MAX_SAMPLES = 100_000  # of one collector in one run


def checked(metrics: Iterable[Metric]) -> list[Metric]:
    """The families, their values as floats.

    Raises ValueError or TypeError for what cannot be exposed: something else than a family,
    samples under another name, a series twice, labels that are not texts, too many samples.
    """
    result = []
    left = MAX_SAMPLES
    for metric in metrics:
        if not isinstance(metric, Metric):
            raise TypeError(f"{metric!r} is not a metric family")
        left -= len(metric.samples) + 1
        if left < 0:
            raise ValueError(f"more than {MAX_SAMPLES} samples")
        result.append(_checked(metric))
    return result


def _checked(metric: Metric) -> Metric:
    allowed = names_of(metric.name, metric.type)
    family = Metric(metric.name, str(metric.documentation), metric.type, metric.unit)
    seen = set()
    for sample in metric.samples:
        if not all(isinstance(text, str) for pair in sample.labels.items() for text in pair):
            raise TypeError(f"a label that is not a text in the family {metric.name!r}")
        if escape_metric_name(sample.name) not in allowed:
            raise ValueError(f"sample {sample.name!r} in the family {metric.name!r}")
        labels = {escape_label_name(name): value for name, value in sample.labels.items()}
        series = (sample.name, tuple(sorted(labels.items())))
        if series in seen or len(labels) < len(sample.labels):
            raise ValueError(f"a series or a label twice in the family {metric.name!r}")
        seen.add(series)
        family.samples.append(Sample(sample.name, labels, float(sample.value)))
    return family
