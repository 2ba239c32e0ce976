"""Where the project's URLconf mounts our endpoints, and which URLs stand in each other's way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern
from django.utils.regex_helper import normalize

from monitoring.conf import APP_LABEL

# What stands for a variable of a path: the first that the pattern takes.
_SAMPLES = ("1", "x", "00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class MountedUrl:
    """A URL pattern, with a path below the site's root that it matches by itself."""

    path: str
    name: str
    view: Any
    is_ours: bool
    in_language_prefix: bool


@dataclass(frozen=True)
class Overlap:
    """A path that is meant for one view and reaches another; one of the two is ours."""

    path: str
    hidden: MountedUrl
    reached: str


def our_urls() -> list[MountedUrl]:
    """Our endpoints, once for each place where they are mounted."""
    return [url for url in _walk(get_resolver()) if url.is_ours]


def overlaps() -> list[Overlap]:
    """URLs of ours that another hides, and others that one of ours hides."""
    resolver = get_resolver()
    every = list(_walk(resolver))
    ours = [url for url in every if url.is_ours]
    views = {id(url.view) for url in ours}
    places = tuple({url.path.partition("/")[0] for url in ours})
    found = []
    for url in every:
        if not (url.is_ours or url.path.startswith(places)):
            continue
        match = _match_of(resolver, f"/{url.path}")
        if match is not None and (id(match.func) in views) != url.is_ours:
            found.append(Overlap(f"/{url.path}", url, match._func_path))
    return found


def _match_of(resolver: URLResolver, path: str) -> ResolverMatch | None:
    """What the path reaches; None also where a converter of the project's fails."""
    try:
        return resolver.resolve(path)
    except Exception:  # such as a database's error
        return None


def _walk(
    resolver: URLResolver, before: str = "", ours: bool = False, language: bool = False
) -> Iterator[MountedUrl]:
    for pattern in resolver.url_patterns:
        part = _sample(pattern)
        if part is None:
            continue
        if isinstance(pattern, URLResolver):
            yield from _walk(
                pattern,
                before + part,
                ours or pattern.app_name == APP_LABEL,
                language or isinstance(pattern.pattern, LocalePrefixPattern),
            )
        else:
            view, name = pattern.callback, pattern.name or ""
            yield MountedUrl(before + part, name, view, ours, language)


def _sample(pattern: URLPattern | URLResolver) -> str | None:
    """A text that the pattern matches; None if none is found."""
    matcher: Any = pattern.pattern
    if isinstance(matcher, LocalePrefixPattern):
        return matcher.language_prefix
    for text, names in normalize(matcher.regex.pattern):
        for sample in _SAMPLES:
            path = str(text)
            for name in names:  # by hand: a path may have a percent sign of its own
                path = path.replace(f"%({name})s", sample)
            # Not `match()`, which runs the project's converters.
            if matcher.regex.search(path) is not None:
                return path
    return None
