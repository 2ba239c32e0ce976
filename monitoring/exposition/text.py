"""The text formats: Prometheus 0.0.4 and OpenMetrics 1.0.

Sources: prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics 1.0 specification.
"""

import math
from collections.abc import Collection, Iterable
from functools import lru_cache

import numpy as np
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name

from monitoring.exposition.negotiation import is_wanted
from monitoring.merging.exemplar_reader import Exemplars
from monitoring.merging.layout import Layout, Line, Values
from monitoring.merging.merge import Merged
from monitoring.merging.reader import Labels

# Types that 0.0.4 does not have.
_TEXT_TYPES = {"unknown": "untyped", "info": "gauge", "stateset": "gauge"}
# prometheus.io/docs/practices/naming: the name of a family ends in its base unit.
_BASE_UNITS = {
    "seconds", "celsius", "meters", "bytes", "ratio", "volts", "amperes", "joules", "grams",
}  # fmt: skip
_SPECIAL = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


class TextRenderer:
    """Renders merged registries; a line with an unchanged value is not formatted again.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._values: Values = np.empty(0)
        self._prefixes: list[str] = []
        self._lines: list[str] = []

    def render(
        self, merged: Merged, extra: Iterable[Metric], wanted: Collection[str] = ()
    ) -> bytes:
        """Text format 0.0.4; `wanted`, if any, selects families by their own or a sample's name."""
        return self._render(merged, extra, wanted, {}, openmetrics=False)

    def render_openmetrics(
        self,
        merged: Merged,
        extra: Iterable[Metric],
        wanted: Collection[str] = (),
        exemplars: Exemplars | None = None,
    ) -> bytes:
        """OpenMetrics 1.0; `exemplars` by the bucket's sample name and labels, `le` included."""
        return self._render(merged, extra, wanted, exemplars or {}, openmetrics=True)

    def _render(
        self,
        merged: Merged,
        extra: Iterable[Metric],
        wanted: Collection[str],
        exemplars: Exemplars,
        *,
        openmetrics: bool,
    ) -> bytes:
        self._update(merged)
        layout = merged.layout
        parts: list[str] = []
        for family in layout.families:
            samples = layout.lines[family.start : family.stop]
            if not is_wanted(family.name, samples, wanted):
                continue
            unit = _unit_of(family.name, family.type)
            parts.append(
                _header(family.name, family.type, family.help, unit, openmetrics=openmetrics)
            )
            lines = self._lines[family.start : family.stop]
            if exemplars and family.type == "histogram":
                lines = _with_exemplars(lines, samples, exemplars)
            parts.extend(lines)
        for metric in extra:
            if not is_wanted(metric.name, metric.samples, wanted):
                continue
            parts.append(
                _header(
                    metric.name,
                    metric.type,
                    metric.documentation,
                    metric.unit or _unit_of(metric.name, metric.type),
                    openmetrics=openmetrics,
                )
            )
            for sample in metric.samples:
                line = Line(sample.name, tuple(sample.labels.items()))
                parts.append(f"{_prefix(line)}{_number(sample.value)}\n")
        if openmetrics:
            parts.append("# EOF\n")
        # A lone surrogate in one label must not cost the whole scrape.
        return "".join(parts).encode(errors="replace")

    def _update(self, merged: Merged) -> None:
        if merged.layout is not self._layout:
            self._prefixes = [_prefix(line) for line in merged.layout.lines]
            self._lines = [""] * len(self._prefixes)
            changed = np.arange(len(self._prefixes))
            self._layout = merged.layout
        else:
            changed = np.flatnonzero(merged.values != self._values)
        self._values = merged.values
        lines, prefixes = self._lines, self._prefixes
        for index, value in zip(changed.tolist(), merged.values[changed].tolist(), strict=True):
            lines[index] = f"{prefixes[index]}{_number(value)}\n"


def _unit_of(name: str, kind: str) -> str:
    """The base unit at the end of the name: the metric files do not hold a metric's `unit`."""
    unit = name.rpartition("_")[2]
    has_unit = unit in _BASE_UNITS and name != unit and kind not in ("info", "stateset")
    return unit if has_unit else ""


def _with_exemplars(lines: list[str], samples: tuple[Line, ...], exemplars: Exemplars) -> list[str]:
    result = list(lines)
    for index, sample in enumerate(samples):
        exemplar = exemplars.get((sample.name, sample.labels))
        if exemplar is not None:
            labels = _label_set(tuple(exemplar.labels.items())) or "{}"
            moment = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
            result[index] = f"{lines[index][:-1]} # {labels} {_number(exemplar.value)}{moment}\n"
    return result


def _header(name: str, kind: str, help_text: str, unit: str = "", *, openmetrics: bool) -> str:
    shown = escape_metric_name(name)
    escaped = help_text.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        escaped = escaped.replace('"', r"\"")
        unit_line = f"# UNIT {shown} {unit}\n" if unit else ""
        return f"# HELP {shown} {escaped}\n# TYPE {shown} {kind}\n{unit_line}"
    if kind == "counter":
        shown += "_total"
    elif kind == "info":
        shown += "_info"
    return f"# HELP {shown} {escaped}\n# TYPE {shown} {_TEXT_TYPES.get(kind, kind)}\n"


def _prefix(line: Line) -> str:
    return f"{escape_metric_name(line.name)}{_label_set(line.labels)} "


def _label_set(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{_label_name(name)}="{_escape(value)}"' for name, value in labels)
    return f"{{{pairs}}}"


# Many series share few label names: each name is escaped once.
_label_name = lru_cache(maxsize=1024)(escape_label_name)


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else _SPECIAL[repr(value)]
