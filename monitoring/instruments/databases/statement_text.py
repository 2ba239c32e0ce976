"""The text of a statement of any kind that a driver takes: for the query log and for N+1.

No server is asked, and no connection.
"""

from collections.abc import Iterator
from typing import Any

from monitoring.instruments.databases.normalise import MAX_INPUT

_PSYCOPG = ("psycopg", "psycopg2")
_KINDS = ("Composed", "SQL", "Identifier", "Placeholder")


def text_of(sql: Any) -> str:
    """As `known_text`; the name of its type of an object of another kind."""
    return known_text(sql) or type(sql).__name__


def known_text(sql: Any) -> str | None:
    """The statement as text, of which what is past MAX_INPUT characters may be missing.

    psycopg also takes bytes and composed objects. None for an object of another kind.
    """
    if isinstance(sql, str):
        return sql
    if isinstance(sql, bytes):
        return sql[: MAX_INPUT + 1].decode(errors="replace")
    if _kind_of(sql) is None:
        return None
    text = ""
    for piece in _pieces(sql):
        text += piece
        if len(text) > MAX_INPUT:
            break
    return text


def _pieces(sql: Any) -> Iterator[str]:
    """The parts of what `psycopg.sql` or `psycopg2.sql` composed.

    Their own `as_string` needs the connection for names and literals, which by now another query
    may use. Literals become `?`: the log has no values.
    """
    content: Any = getattr(
        sql, "_wrapped", getattr(sql, "_obj", None)
    )  # psycopg2's, else psycopg's
    match _kind_of(sql):
        case "Composed":
            for part in content:
                yield from _pieces(part)
        case "SQL":
            yield str(content)
        case "Identifier":
            yield ".".join('"' + str(name).replace('"', '""') + '"' for name in content)
        case "Placeholder":
            yield f"%({content})s" if content else "%s"
        case _:
            yield "?"


def _kind_of(sql: Any) -> str | None:
    """The name of psycopg's own class of a composed object, of which it may be a subclass."""
    for cls in type(sql).__mro__:
        if cls.__module__.partition(".")[0] in _PSYCOPG and cls.__name__ in _KINDS:
            return cls.__name__
    return None
