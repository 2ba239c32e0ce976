"""Maps methods and routes to a bounded set of label values, whatever clients send."""

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.urls import ResolverMatch

from monitoring.metrics.route_templates import template_label
from monitoring.primitives.bounded_names import BoundedNames

OVERFLOW = "_overflow"
OTHER = "_OTHER"

# RFC 9110 and RFC 5789 (PATCH); anything else is `_OTHER`, as in OpenTelemetry's conventions.
METHODS = {
    name: name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
}


class Unresolved(Enum):
    """Labels of requests that reached no view. URL templates have no such: they begin with `/`."""

    UNMATCHED = "unmatched"  # 404: no URL matched
    MIDDLEWARE = "_middleware"  # a middleware answered: a redirect, a refusal
    STATIC = "_static"  # as before, below STATIC_URL: WhiteNoise's files


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

    `ignored` has patterns of labels (`unmatched`, `_static`, `_middleware` and `_overflow` too), of
    URL names and of paths. `ignored_path`, if not None, tells of a path that no view answers
    whether a pattern matches it. `unresolved` has the routes of requests that reached no view.
    """

    def __init__(self, limit: int, ignored: tuple[str, ...]) -> None:
        self._ignored = _pattern_of(ignored)
        # A path or a label may match; the name of a URL (`shop:ping`) never matches a path.
        paths = [pattern for pattern in ignored if pattern.startswith(("/", "*", "?", "["))]
        self.ignored_path = _pattern_of(paths).match if paths else None
        self.unresolved = {
            why: Route(why.value, ignored=self._is_ignored(why.value)) for why in Unresolved
        }
        overflow = Route(OVERFLOW, ignored=self._is_ignored(OVERFLOW), overflow=True)
        self._known = BoundedNames(limit, overflow)

    def of(self, match: ResolverMatch) -> Route:
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


def static_prefix(static_url: object) -> str | None:
    """The paths of static files begin with this; None if they cannot be told from others.

    `static_url` is Django's STATIC_URL: a path, or a URL on another host, also a lazy one.
    """
    try:
        prefix = urlsplit(str(static_url or "")).path
    except ValueError:
        return None
    return prefix if prefix.strip("/") else None


def _pattern_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches what any of the patterns with `*` matches; nothing if there is none."""
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
