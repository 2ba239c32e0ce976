"""Which family names an exposition has used, so that none is used twice."""

from collections.abc import Iterable

from prometheus_client.openmetrics.exposition import escape_metric_name

# What a family's samples are called, behind its name; as prometheus-client's strict OpenMetrics
# parser has it: two families whose sets meet cannot stand in one exposition.
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "summary": ("_count", "_sum", "_created"),
    "histogram": ("_count", "_sum", "_bucket", "_created"),
    "gaugehistogram": ("_gcount", "_gsum", "_bucket"),
    "info": ("_info",),
}


def names_of(name: str, kind: str) -> frozenset[str]:
    """The names that a family of this type uses: its own, and those its samples may have."""
    shown = escape_metric_name(name)
    return frozenset((shown, *(f"{shown}{suffix}" for suffix in _SUFFIXES.get(kind, ()))))


class FamilyNames:
    """The names that are taken."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, name: str, kind: str) -> bool:
        """Take a family's names; False, with nothing taken, if one of them is gone."""
        wanted = names_of(name, kind)
        if not self._taken.isdisjoint(wanted):
            return False
        self._taken |= wanted
        return True
