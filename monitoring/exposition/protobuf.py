"""The protobuf format: length-delimited messages io.prometheus.client.MetricFamily.

Schema: github.com/prometheus/client_model, io/prometheus/client/metrics.proto; a MetricFamily has
name 1, help 2, type 3, metric 4, unit 5. The schema is small and stable, so writing it by hand
costs less than a dependency.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar

from monitoring.exposition.negotiation import is_wanted
from monitoring.exposition.protobuf_messages import (
    NATIVE_BOUNDS,
    AnyMetric,
    Histogram,
    MetricType,
    Single,
    Summary,
    label_fields,
)
from monitoring.exposition.protobuf_wire import bytes_field, delimited, integer_field, text_field
from monitoring.merging.exemplar_reader import Exemplars
from monitoring.merging.layout import Indices, Layout, Line, Values
from monitoring.merging.merge import Merged
from monitoring.merging.reader import Labels
from monitoring.metrics.names import HTTP_REQUEST_DURATION_HIGHR_SECONDS

NATIVE_FAMILY = HTTP_REQUEST_DURATION_HIGHR_SECONDS.family

_SINGLE_TYPES = {"counter": MetricType.COUNTER, "unknown": MetricType.UNTYPED}
_NO_EXEMPLARS: Exemplars = {}


@dataclass(frozen=True, slots=True)
class _Family:
    """One MetricFamily of the output, without the values."""

    header: bytes
    metrics: Sequence[AnyMetric]


class ProtobufRenderer:
    """Renders merged registries; a metric with unchanged values is not encoded again.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._values: Values = np.empty(0)
        self._families: list[list[_Family]] = []  # for each family of the layout
        self._metrics: list[AnyMetric] = []
        self._owners: Indices = np.empty(0, np.intp)  # for each line, its metric
        self._encoded: list[bytes] = []  # each metric as a field of MetricFamily
        self._bucket_lines: dict[tuple[str, Labels], int] | None = None

    def render(
        self,
        merged: Merged,
        extra: Iterable[Metric],
        wanted: Collection[str] = (),
        exemplars: Exemplars = _NO_EXEMPLARS,
        more: bytes = b"",
    ) -> bytes:
        """The exposition; `wanted`, if any, selects families by their own or a sample's name.

        `exemplars` belong to `merged`, by a bucket's sample name and labels, `le` included;
        `more` are messages that follow those of `merged`.
        """
        values = self._update(merged)
        encoded = self._with_exemplars(merged.layout, values, exemplars)
        out: list[bytes] = []
        first = 0
        for family, planned in zip(merged.layout.families, self._families, strict=True):
            lines = merged.layout.lines[family.start : family.stop]
            shown = is_wanted(family.name, lines, wanted)
            for part in planned:
                stop = first + len(part.metrics)
                if shown:
                    out.append(delimited(part.header, encoded[first:stop]))
                first = stop
        out.append(more)
        for metric in extra:
            out.extend(_render_extra(metric, wanted))
        return b"".join(out)

    def _update(self, merged: Merged) -> list[float]:
        """Encode the metrics that changed, and return the values of all lines."""
        layout = merged.layout
        if layout is not self._layout:
            self._plan(layout)
            changed = np.arange(len(self._metrics))
        else:
            changed = np.unique(self._owners[merged.values != self._values])
        self._values = merged.values
        values: list[float] = merged.values.tolist()
        for number in changed.tolist():
            self._encoded[number] = bytes_field(4, self._metrics[number].encode(values))
        return values

    def _plan(self, layout: Layout) -> None:
        self._layout = layout
        self._families = [
            list(
                _plan_family(
                    _Names(family.name, family.type, family.help),
                    layout.lines[family.start : family.stop],
                    family.start,
                )
            )
            for family in layout.families
        ]
        self._metrics = [
            metric for planned in self._families for part in planned for metric in part.metrics
        ]
        self._owners = np.empty(len(layout.lines), np.intp)
        for number, metric in enumerate(self._metrics):
            self._owners[list(metric.lines)] = number
        self._encoded = [b""] * len(self._metrics)
        self._bucket_lines = None

    def _with_exemplars(
        self, layout: Layout, values: list[float], exemplars: Exemplars
    ) -> list[bytes]:
        """`_encoded`, but with each metric that has exemplars encoded again."""
        if not exemplars:
            return self._encoded
        if self._bucket_lines is None:
            self._bucket_lines = {
                (line.name, line.labels): family.start + index
                for family in layout.families
                if family.type == "histogram"
                for index, line in enumerate(layout.lines[family.start : family.stop])
            }
        by_metric: dict[int, dict[int, Exemplar]] = defaultdict(dict)
        for key, exemplar in exemplars.items():
            line = self._bucket_lines.get(key)
            if line is not None:
                by_metric[int(self._owners[line])][line] = exemplar
        encoded = list(self._encoded)
        for number, by_line in by_metric.items():
            encoded[number] = bytes_field(4, self._metrics[number].encode(values, by_line))
        return encoded


@dataclass(frozen=True, slots=True)
class _Names:
    """A family's metadata."""

    name: str  # without a counter's `_total`
    type: str
    help: str
    unit: str = ""

    def header(self, name: str, metric_type: MetricType) -> bytes:
        """The fields of the MetricFamily except its metrics.

        The unit is left out unless the name ends in it: Prometheus before 3.9 refuses others.
        """
        header = text_field(1, name) + text_field(2, self.help) + integer_field(3, metric_type)
        base = name.removesuffix("_total") if metric_type is MetricType.COUNTER else name
        if self.unit and base.endswith(f"_{self.unit}"):
            header += text_field(5, self.unit)
        return header


@dataclass(slots=True)
class _Child:
    """The lines of a histogram or summary that differ only in `le` or `quantile`."""

    points: list[tuple[float, int]] = field(default_factory=list)
    sum_line: int | None = None
    count_line: int | None = None


def _plan_family(names: _Names, lines: Sequence[Line], first: int = 0) -> Iterator[_Family]:
    """The families that show these lines; `first` is the index of the first line.

    Usually one. Samples that have no field in it (`_created`, a gauge histogram's) follow as
    families of their own, so that Prometheus stores the same series as from text.
    """
    children: dict[Labels, _Child] = defaultdict(_Child)
    singles: dict[str, list[AnyMetric]] = defaultdict(list)
    for index, line in enumerate(lines, first):
        if names.type in ("histogram", "summary") and _add_to_child(names, line, index, children):
            continue
        single_type = _single_type(names.type, line.name)
        singles[line.name].append(Single(single_type, label_fields(line.labels), index))
    if children:
        metric_type = MetricType[names.type.upper()]
        compounds = [
            _compound(names, metric_type, labels, child) for labels, child in children.items()
        ]
        yield _Family(names.header(names.name, metric_type), compounds)
    for name, metrics in singles.items():
        yield _Family(names.header(name, _single_type(names.type, name)), metrics)


def _single_type(kind: str, sample_name: str) -> MetricType:
    if sample_name.endswith("_created"):
        return MetricType.GAUGE
    return _SINGLE_TYPES.get(kind, MetricType.GAUGE)


def _add_to_child(names: _Names, line: Line, index: int, children: dict[Labels, _Child]) -> bool:
    """Add the line to its histogram or summary; False if it has no place there."""
    if line.name == f"{names.name}_sum":
        children[line.labels].sum_line = index
        return True
    if line.name == f"{names.name}_count":
        children[line.labels].count_line = index
        return True
    suffix, label = ("_bucket", "le") if names.type == "histogram" else ("", "quantile")
    point = _number(dict(line.labels).get(label, ""))
    if line.name != names.name + suffix or point is None:
        return False
    labels = tuple(pair for pair in line.labels if pair[0] != label)
    children[labels].points.append((point, index))
    return True


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _compound(
    names: _Names, metric_type: MetricType, labels: Labels, child: _Child
) -> Histogram | Summary:
    encoded, points = label_fields(labels), tuple(sorted(child.points))
    if metric_type is MetricType.SUMMARY:
        return Summary(encoded, points, child.sum_line, child.count_line)
    bounds = tuple(bound for bound, _ in points)
    native = names.name == NATIVE_FAMILY and bounds == NATIVE_BOUNDS
    return Histogram(encoded, points, child.sum_line, child.count_line, native)


def _render_extra(metric: Metric, wanted: Collection[str]) -> Iterator[bytes]:
    lines = [Line(sample.name, tuple(sample.labels.items())) for sample in metric.samples]
    if is_wanted(metric.name, lines, wanted):
        values = [float(sample.value) for sample in metric.samples]
        about = _Names(metric.name, metric.type, metric.documentation, metric.unit)
        for family in _plan_family(about, lines):
            encoded = [bytes_field(4, part.encode(values)) for part in family.metrics]
            yield delimited(family.header, encoded)
