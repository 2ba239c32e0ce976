"""The bounds of histograms: those that this process declares, and those that a file has.

Counts in buckets of other bounds cannot be added to ours: percentiles would be wrong.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

# A quote inside of a label's value is escaped, so `"le": "` is always the label.
_FAMILY = re.compile(r'\["((?:[^"\\]|\\.)*)"')
_BOUND = re.compile(r'"le": "([^"\\]*)"')
_LAST = "+Inf"

Bounds = frozenset[str]


class DeclaredBounds:
    """The bounds of each family that this process has built, from its first complete child.

    prometheus-client makes a child's buckets in order, +Inf last. A second histogram of the same
    name with other bounds, in another registry, changes nothing.
    """

    def __init__(self) -> None:
        self.families: dict[str, Bounds] = {}
        self._growing: dict[str, set[str]] = defaultdict(set)

    def learn(self, family: str, bound: str) -> bool:
        """Note one bucket; returns whether this completes the family's first child."""
        if family in self.families:
            return False
        self._growing[family].add(bound)
        if bound != _LAST:
            return False
        self.families[family] = frozenset(self._growing.pop(family))
        return True

    def contradicted_by(self, found: Mapping[str, Bounds]) -> dict[str, Bounds]:
        """Our bounds of the families that have others in `found`."""
        return {
            family: bounds
            for family, bounds in self.families.items()
            # Without +Inf, its writer was killed before it could count anything.
            if _LAST in found.get(family, ()) and found[family] != bounds
        }


def bounds_in(keys: Iterable[str]) -> dict[str, Bounds]:
    """The bounds of each histogram in a file with these keys."""
    found: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        family, bound = _FAMILY.match(key), _BOUND.search(key)
        if family and bound:
            found[family[1]].add(bound[1])
    return {family: frozenset(bounds) for family, bounds in found.items()}


def share_to_keep(keys: Iterable[str], ours: Mapping[str, Bounds]) -> Callable[[str], float | None]:
    """By what to multiply the value of a key; None leaves the key out.

    Other families stay. Those in `ours` begin at zero, with the children that have all our bounds:
    this process has just made them.
    """
    sizes = Counter(child for key in keys if (child := _child(key, ours)))

    def share(key: str) -> float | None:
        family = _FAMILY.match(key)
        if not family or family[1] not in ours:
            return 1.0
        if not _BOUND.search(key):
            return 0.0  # a sum
        child = _child(key, ours)
        return 0.0 if child and sizes[child] == len(ours[family[1]]) else None

    return share


def _child(key: str, ours: Mapping[str, Bounds]) -> str:
    """The key of a bucket without its bound; empty if it is none with one of our bounds."""
    family, bound = _FAMILY.match(key), _BOUND.search(key)
    if family and bound and bound[1] in ours.get(family[1], ()):
        return key.replace(bound[0], "", 1)
    return ""
