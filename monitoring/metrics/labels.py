"""Maps methods and routes to a bounded set of label values, whatever clients send."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.admindocs.utils import (
    remove_non_capturing_groups,
    replace_metacharacters,
    replace_named_groups,
    replace_unnamed_groups,
)
from django.urls import ResolverMatch

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


_UNMATCHED_ROUTE = Route(UNMATCHED)
_OVERFLOW_ROUTE = Route(OVERFLOW, overflow=True)


class Routes:
    """Maps URL templates to labels: at most `limit`, all further ones share `_overflow`."""

    def __init__(self, limit: int, ignored: tuple[str, ...]) -> None:
        self._ignored = ignored
        self._known = BoundedNames(limit, _OVERFLOW_ROUTE)

    def of(self, match: ResolverMatch | None) -> Route:
        if match is None:
            return _UNMATCHED_ROUTE
        route = self._known.get(match.route)
        return route if route is not None else self._learn(match)

    def _learn(self, match: ResolverMatch) -> Route:
        label = template_label(match.route)
        names = (label, match.view_name or "")
        ignored = getattr(match.func, "is_no_traffic", False) or any(
            fnmatch.fnmatchcase(name, pattern) for name in names for pattern in self._ignored
        )
        if ignored:  # it has no series, so the limit does not apply
            return self._known.setdefault(match.route, Route(label, ignored=True))
        return self._known.learn(match.route, Route(label))


def template_label(route: str) -> str:
    """The template with a leading slash; regular expressions are simplified to a readable form."""
    if any(sign in route for sign in "^$(\\"):
        for simplify in (
            remove_non_capturing_groups,
            replace_named_groups,
            replace_unnamed_groups,
            replace_metacharacters,
        ):
            route = simplify(route)
    return route if route.startswith("/") else f"/{route}"
