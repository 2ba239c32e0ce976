"""SQL as databases take it, with secrets wherever a literal or a comment may stand."""

import json
import re
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

SECRET = "hunter2"
NUMBER = "7394820"

_NASTY = st.text(alphabet="'\"\\$-/*;#%?[]{}()`:@,.=| \n\r\tabEqNxU&1é😀", max_size=12)
PAYLOADS = st.builds(lambda before, after: f"{before}{SECRET}{after}", _NASTY, _NASTY)

Render = Callable[[str], str]


def _doubled(quote: str) -> Render:
    return lambda text: quote + text.replace(quote, 2 * quote) + quote


def _escaped(quote: str) -> Render:
    return lambda text: quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote


def _dollar(text: str) -> str:
    tag = "$tag$"
    return f"{tag}{text.replace('$', '')}{tag}"


def _bare_dollar(text: str) -> str:
    return f"$${text.replace('$', '')}$$"


def _oracle_quote(text: str) -> str:
    return f"q'[{text.replace(']', '')}]'"


def _line_comment(start: str, ends: str) -> Render:
    return lambda text: start + re.sub(f"[{ends}]", " ", text) + "\n"


def _block_comment(text: str) -> str:
    return f"/*{text.replace('*', '').replace('/', '')}*/"


def _nested_comment(text: str) -> str:
    inner = text.replace("*", "").replace("/", "")
    return f"/* {inner} /* {inner} */ {inner} */"


def _json_in(quote: Render) -> Render:
    return lambda text: quote(json.dumps({"token": [text, 1]}))


def _array_in(quote: Render) -> Render:
    return lambda text: f"ARRAY[{quote(text)}, {quote('x')}]"


def _hexadecimal(text: str) -> str:
    return f"x'{NUMBER}'"


_SINGLE = _doubled("'")
_E = _escaped("'")

LITERALS: dict[str, tuple[Render, ...]] = {
    "postgresql": (
        _SINGLE,
        lambda text: f"E{_E(text)}",
        lambda text: f"e{_SINGLE(text.replace(chr(92), 2 * chr(92)))}",
        lambda text: f"U&{_SINGLE(text)}",
        _dollar,
        _bare_dollar,
        _json_in(_SINGLE),
        _array_in(_SINGLE),
        lambda text: _SINGLE("{" + json.dumps(text) + "}"),
        lambda text: f"{_SINGLE(text)}::jsonb ->> 'a'",
        _line_comment("--", "\r\n"),
        _block_comment,
        _nested_comment,
        _hexadecimal,
    ),
    "postgresql, standard_conforming_strings off": (
        _E,
        lambda text: _SINGLE(text.replace("\\", "\\\\")),
        _json_in(_E),
        _block_comment,
    ),
    "mysql": (
        _E,
        _escaped('"'),
        lambda text: _SINGLE(text.replace("\\", "\\\\")),
        lambda text: f"_utf8mb4{_E(text)}",
        _json_in(_E),
        lambda text: f"5--{_E(text)}",
        _line_comment("-- ", "\n"),
        _line_comment("#", "\n"),
        _block_comment,
        _hexadecimal,
    ),
    "mysql, NO_BACKSLASH_ESCAPES": (
        _SINGLE,
        _doubled('"'),
        _json_in(_SINGLE),
        _line_comment("-- ", "\n"),
        _block_comment,
    ),
    "sqlite": (
        _SINGLE,
        _doubled('"'),
        _json_in(_SINGLE),
        _line_comment("--", "\n"),
        _block_comment,
        _hexadecimal,
    ),
    "oracle": (
        _SINGLE,
        lambda text: f"N{_SINGLE(text)}",
        _oracle_quote,
        _json_in(_SINGLE),
        _line_comment("--", "\n"),
        _block_comment,
    ),
    "snowflake": (_SINGLE, _E, _dollar, _bare_dollar, _block_comment, _nested_comment),
}
DIALECTS = tuple(LITERALS)


_NAMES = {
    "postgresql": ('"t"."c"', '"it\'s -- /* odd"', "a$$b", "é$1"),
    "mysql": ("`t`.`c`", "`it's # /* odd`", "@v", "a$b"),
    "sqlite": ('"t"."c"', "[it's -- /* odd]", "`it's`", "a$b"),
    "oracle": ('"T"."C"', '"it\'s -- /* odd"', "a$b"),
    "snowflake": ('"t"."c"',),
}
_NUMBERS = (
    NUMBER,
    f"-{NUMBER}.5",
    f".{NUMBER}",
    f"{NUMBER}e+10",
    f"1.{NUMBER}E-3",
    f"0x{NUMBER}",
)
# A table stands behind FROM: what is in double quotes there is a name, to SQLite as well.
_PLAIN = (
    *("SELECT", "FROM t", "WHERE", "x", "IN (%s, %s)", "LIKE %s", "AND", "=", "<>", "||", "("),
    *(")", "*", "+", "INSERT INTO t VALUES", "IS NULL", "%(name)s", "5 - 1", "LIMIT 21"),
)
_GAPS = (" ", "\n", " , ", " = ", "(", "\t||")


def statements(dialect: str) -> SearchStrategy[str]:
    """Statements of a dialect; its name up to a comma is Django's vendor."""
    vendor = vendor_of(dialect)
    literals = st.builds(
        lambda render, text: render(text), st.sampled_from(LITERALS[dialect]), PAYLOADS
    )
    pieces = (
        literals
        | st.sampled_from(_NUMBERS)
        | st.sampled_from(_PLAIN)
        | st.sampled_from(_NAMES[vendor])
    )
    pairs = st.tuples(pieces, st.sampled_from(_GAPS))
    return st.lists(pairs, min_size=1, max_size=10).map(
        lambda found: "SELECT " + "".join(piece + gap for piece, gap in found)
    )


def vendor_of(dialect: str) -> str:
    return dialect.split(",", maxsplit=1)[0]
