"""Maps methods and routes to a bounded set of label values, whatever clients send."""

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.urls import ResolverMatch

from monitoring.metrics.route_templates import template_label
from monitoring.primitives.bounded_names import BoundedNames

UNMATCHED = "unmatched"
OVERFLOW = "_overflow"
OTHER = "_OTHER"

# RFC 9110 and RFC 5789 (PATCH); anything else is `_OTHER`, as in OpenTelemetry's conventions.
METHODS = {
    name: name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
}


@dataclass(frozen=True, slots=True)
class Route:
    """A route's label, and whether its requests count as traffic."""

    label: str
    ignored: bool = False
    overflow: bool = False


View = TypeVar("View", bound=Callable[..., Any])


def no_traffic(view: View) -> View:
    """Mark a view, under whatever name a project has it: its requests are no traffic."""
    view.is_no_traffic = True  # type: ignore[attr-defined]
    return view


class Routes:
    """Maps URL templates to labels: at most `limit`, all further ones share `_overflow`.

    `ignored` has patterns of labels (`unmatched` and `_overflow` too), URL names and paths.
    `ignored_path`, if not None, tells of a path that no view answers whether a pattern matches it.
    """

    def __init__(self, limit: int, ignored: tuple[str, ...]) -> None:
        self._ignored = _pattern_of(ignored)
        # A path or a label may match; the name of a URL (`shop:ping`) never matches a path.
        paths = [pattern for pattern in ignored if pattern.startswith(("/", "*", "?", "["))]
        self.ignored_path = _pattern_of(paths).match if paths else None
        self._unmatched = Route(UNMATCHED, ignored=self._is_ignored(UNMATCHED))
        overflow = Route(OVERFLOW, ignored=self._is_ignored(OVERFLOW), overflow=True)
        self._known = BoundedNames(limit, overflow)

    def of(self, match: ResolverMatch | None) -> Route:
        if match is None:
            return self._unmatched
        route = self._known.get(match.route)
        return route if route is not None else self._learn(match)

    def _learn(self, match: ResolverMatch) -> Route:
        label = template_label(match.route)
        ignored = (
            getattr(match.func, "is_no_traffic", False)
            or self._is_ignored(label)
            or self._is_ignored(match.view_name or "")
        )
        if ignored:  # it has no series, so the limit does not apply
            return self._known.setdefault(match.route, Route(label, ignored=True))
        return self._known.learn(match.route, Route(label))

    def _is_ignored(self, name: str) -> bool:
        return self._ignored.match(name) is not None


def _pattern_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches what any of the patterns with `*` matches; nothing if there is none."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
