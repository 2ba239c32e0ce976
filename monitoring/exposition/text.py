"""Prometheus's text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats)."""

import math
from collections.abc import Collection, Iterable

import numpy as np
from prometheus_client.core import Metric

from monitoring.storage.layout import Family, Layout, Line, Values
from monitoring.storage.merge import Merged
from monitoring.storage.reader import Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_TYPES = {"unknown": "untyped", "info": "gauge", "stateset": "gauge"}
_SPECIAL = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


class TextRenderer:
    """Renders merged registries; a line whose value did not change since the last is reused.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._values: Values = np.empty(0)
        self._prefixes: list[str] = []
        self._lines: list[str] = []

    def render(self, merged: Merged, extra: Iterable[Metric], names: Collection[str] = ()) -> bytes:
        """The exposition; with `names`, only of families that have a sample or family so named."""
        self._update(merged)
        parts: list[str] = []
        for family in merged.layout.families:
            if not names or _is_named(family, merged.layout, names):
                parts.append(_header(family.name, family.type, family.help))
                parts.extend(self._lines[family.start : family.stop])
        for metric in extra:
            if not names or metric.name in names or any(s.name in names for s in metric.samples):
                parts.append(_header(metric.name, metric.type, metric.documentation))
                for sample in metric.samples:
                    labels = tuple(sample.labels.items())
                    parts.append(f"{_prefix(Line(sample.name, labels))}{_number(sample.value)}\n")
        return "".join(parts).encode()

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


def _is_named(family: Family, layout: Layout, names: Collection[str]) -> bool:
    return family.name in names or any(
        line.name in names for line in layout.lines[family.start : family.stop]
    )


def _header(name: str, kind: str, help_text: str) -> str:
    shown = f"{name}_total" if kind == "counter" else name
    escaped = help_text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {shown} {escaped}\n# TYPE {shown} {_TYPES.get(kind, kind)}\n"


def _prefix(line: Line) -> str:
    return f"{line.name}{_label_set(line.labels)} "


def _label_set(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else _SPECIAL[repr(value)]
