"""Leaves one histogram's classic buckets, apart from +Inf, out of the text formats."""

from dataclasses import replace

import numpy as np

from monitoring.merging.layout import Indices, Layout
from monitoring.merging.merge import Merged


class BucketFilter:
    """Removes a family's buckets except +Inf, which the formats require.

    The filtered layout stays the same object while the given one does, as renderers expect.
    Not thread-safe.
    """

    def __init__(self, family: str) -> None:
        self._family = family
        self._given: Layout | None = None
        self._layout: Layout | None = None
        self._kept: Indices = np.empty(0, np.intp)

    def apply(self, merged: Merged) -> Merged:
        if merged.layout is not self._given or self._layout is None:
            self._given = merged.layout
            self._layout, self._kept = self._filtered(merged.layout)
        return replace(merged, layout=self._layout, values=merged.values[self._kept])

    def _filtered(self, layout: Layout) -> tuple[Layout, Indices]:
        kept: list[int] = []
        families = []
        for family in layout.families:
            start = len(kept)
            kept.extend(
                index
                for index in range(family.start, family.stop)
                if family.name != self._family or not _is_finite_bucket(layout, index)
            )
            families.append(replace(family, start=start, stop=len(kept)))
        lines = tuple(layout.lines[index] for index in kept)
        return replace(layout, families=tuple(families), lines=lines), np.array(kept, np.intp)


def _is_finite_bucket(layout: Layout, index: int) -> bool:
    line = layout.lines[index]
    return line.name.endswith("_bucket") and ("le", "+Inf") not in line.labels
