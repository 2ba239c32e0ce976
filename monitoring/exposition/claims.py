"""Which family names an exposition has used, so that none is used twice."""

from collections.abc import Iterable

from prometheus_client.openmetrics.exposition import escape_metric_name

# The suffixes of a family's sample names, as in prometheus-client's strict OpenMetrics parser: two
# families that share a name cannot stand in one exposition.
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


class ClaimedNames:
    """The names that are taken in one exposition."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, name: str, kind: str) -> bool:
        """Take a family's names. Returns False, and takes none, if one of them is taken."""
        wanted = names_of(name, kind)
        if not self._taken.isdisjoint(wanted):
            return False
        self._taken |= wanted
        return True
