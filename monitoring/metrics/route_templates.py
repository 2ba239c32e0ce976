r"""Writes a URL pattern the way a reader expects: `^users\.(?P<end>\w+)$` as `/users.<end>`.

A route is one text that Django joins from `path()` and `re_path()` patterns of nested includes, so
a part of it may be a regular expression while another is not. Django's own `simplify_regex` repeats
text when a pattern has several unnamed groups, and leaves backslashes and character classes.
"""

import re
from functools import lru_cache

VARIABLE = "<var>"

# What a path() hardly contains, but almost every regular expression does.
_REGEX = re.compile(r"[\^$()\[\]{}\\*|]|\.\+")
_CONVERTERS = re.compile(r"<[^<>]*>")

_TOKEN = re.compile(
    r"""
      (?P<escape> \\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-9]{1,3}|.) )
    | (?P<class> \[\^?\]?(?:\\.|[^\]\\])*\] )
    | (?P<comment> \(\?\#[^)]*\) | \(\?[aiLmsux]+\) )
    | (?P<reference> \(\?P=\w+\) )
    | (?P<look> \(\?<?[=!] )
    | (?P<named> \(\?P<\w+> )
    | (?P<choice> \(\?\(\w+\) )
    | (?P<plain> \(\?(?:>|[aiLmsux]*(?:-[imsx]+)?:) )
    | (?P<group> \( )
    | (?P<close> \) )
    | (?P<or> \| )
    | (?P<anchor> [\^$] )
    | (?P<converter> <[^<>()\[\]\\]*> )
    | (?P<any> \. )
    | (?P<text> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_QUANTIFIER = re.compile(r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\}|\{,[0-9]+\})[?+]?")
_OPENING = {"named", "group", "plain", "choice", "look"}
_UNNAMED = "\0"  # stands for text that varies and that no group captures, until neighbours are one


@lru_cache(maxsize=1024)
def template_label(route: str) -> str:
    """The template with a leading slash, readable, whatever the pattern. Never raises."""
    if _REGEX.search(_CONVERTERS.sub("", route)):
        text = _Reader(route).read()
        route = re.sub(f"{_UNNAMED}+", VARIABLE, text)
    return route if route.startswith("/") else f"/{route}"


class _Reader:
    """Reads one pattern from left to right. A parenthesis without its partner is skipped."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern.replace(_UNNAMED, "")
        self._at = 0

    def read(self) -> str:
        branches = self._branches()
        while self._at < len(self._pattern):  # after a `)` that nothing opened
            more = self._branches()
            branches = [*branches[:-1], branches[-1] + more[0], *more[1:]]
        return "|".join(dict.fromkeys(branches))

    def _branches(self) -> list[str]:
        """The alternatives until the end of the group; at least one, which may be empty."""
        branches = [""]
        while token := _TOKEN.match(self._pattern, self._at):
            self._at = token.end()
            kind = token.lastgroup
            if kind == "close":
                break
            if kind == "or":
                branches.append("")
                continue
            written = self._written(kind, token[0])
            quantifier = _QUANTIFIER.match(self._pattern, self._at)
            if quantifier is not None:
                self._at = quantifier.end()
                if kind == "any":
                    written = _UNNAMED
            branches[-1] += written
        return branches

    def _written(self, kind: str | None, token: str) -> str:
        if kind in _OPENING:
            inside = self._branches()
            if kind == "plain":
                return _alternatives(inside)
            return {"named": token[3:], "group": VARIABLE, "choice": _UNNAMED, "look": ""}[kind]
        if kind == "escape":
            return _escaped(token)
        if kind == "class":
            return _one_of(token[1:-1])
        if kind == "reference":
            return _UNNAMED
        # Text, a converter of a path(), or a dot, which mostly means itself.
        return "" if kind in {"comment", "anchor"} else token


def _escaped(token: str) -> str:
    sign = token[1]
    if sign in "bBAZz":
        return ""
    return _UNNAMED if sign.isalnum() else sign


def _one_of(characters: str) -> str:
    """A class of one character is that character: `[.]`."""
    if len(characters) == 1:
        return characters
    if len(characters) == 2 and characters[0] == "\\":
        return _escaped(characters)
    return _UNNAMED


def _alternatives(branches: list[str]) -> str:
    written = [branch for branch in dict.fromkeys(branches) if branch]
    return written[0] if len(written) == 1 else f"({'|'.join(written)})" if written else ""
