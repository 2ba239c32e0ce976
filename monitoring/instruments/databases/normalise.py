"""Removes values from SQL: literals and parameters become `?`, comments are dropped.

What is a literal depends on the database, and sometimes on its settings (does a backslash escape a
quote?), and a setting or a password may be a bare word. Where the text alone cannot tell, the rest
of the statement is cut off: a shorter log line is better than a secret in it.
"""

import re
from collections.abc import Callable, Iterator, Set
from functools import cache
from hashlib import blake2b

MAX_INPUT = 16_384
"""Characters of a statement that are read; the rest is cut off."""

MAX_OUTPUT = 2_000
"""The most characters of a normalised statement."""

CUT = "…"

_WORD = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*"
_NUMBER = r"(?:\d|\.\d)(?:[eE][+-]\d|[\w.])*"
# Possessive (`*+`): an unterminated string must not match in part.
_SINGLE = r"'(?:[^']+|'')*+'"
_DOUBLE = r'"(?:[^"]+|"")*+"'
_BACKTICK = r"`(?:[^`]+|``)*+`"
_PLACEHOLDER = r"%s|%\(\w+\)s"

_TOKENS = {
    "postgresql": (
        ("comment", r"--[^\r\n]*"),
        ("block", r"/\*"),
        ("literal", r"[eE]'(?:[^'\\]+|\\.|'')*+'"),
        ("string", rf"(?:[uU]&|[bBxXnN])?{_SINGLE}"),
        ("dollar", r"\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$"),
        ("name", rf"(?:[uU]&)?{_DOUBLE}"),
        ("literal2", rf"{_PLACEHOLDER}|\$\d+"),
        ("word", _WORD),
        ("number", _NUMBER),
        ("open", r"""['"]"""),
    ),
    "mysql": (
        ("comment", r"--(?=[\x00-\x20]|\Z)[^\n]*|\#[^\n]*"),
        ("block", r"/\*"),
        ("string", rf"[bBxXnN]?{_SINGLE}|{_DOUBLE}"),
        ("name", _BACKTICK),
        ("literal2", _PLACEHOLDER),
        ("number", _NUMBER),
        ("word", _WORD),
        ("open", r"""['"`]"""),
    ),
    "sqlite": (
        ("comment", r"--[^\n]*"),
        ("block", r"/\*"),
        ("literal", rf"[xX]?{_SINGLE}"),
        ("doubtful", _DOUBLE),
        ("name", rf"{_BACKTICK}|\[[^\]]*\]"),
        ("literal2", rf"{_PLACEHOLDER}|[:@$#]\w+|\?\d*"),
        ("word", _WORD),
        ("number", _NUMBER),
        ("open", r"""['"`\[]"""),
    ),
    "oracle": (
        ("comment", r"--[^\n]*"),
        ("block", r"/\*"),
        (
            "literal",
            r"[nN]?[qQ]'(?:\[.*?\]|\{.*?\}|\(.*?\)|<.*?>|(?P<delimiter>[^\s\[{(<]).*?(?P=delimiter))'",
        ),
        ("unfinished", r"[nN]?[qQ]'"),
        ("literal3", rf"[nN]?{_SINGLE}"),
        ("name", _DOUBLE),
        ("literal2", rf"{_PLACEHOLDER}|:\w+"),
        ("word", _WORD),
        ("number", _NUMBER),
        ("open", r"""['"]"""),
    ),
    # Other databases: read up to the first character whose meaning differs between databases.
    "": (
        ("name", r'"\w+"'),
        ("literal2", _PLACEHOLDER),
        ("word", _WORD),
        ("number", _NUMBER),
        ("open", r"""['"`$\#\\\[{]|--|/\*"""),
    ),
}

# A quote after an odd number of backslashes: its meaning depends on the server's settings.
_DOUBTFUL_QUOTE = re.compile(r"""(?<!\\)(?:\\\\)*\\['"]""")
_LIST = re.compile(r"\?(?:\s*,\s*\?)+")
_ROWS = re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+")
_SAVEPOINT = re.compile(r'(?i)\b(SAVEPOINT)\s+["`]?\w+["`]?')
# What is shown whole: in other kinds of statements a bare word may be a value.
_QUERIES = {
    *("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES", "TABLE"),
    *("EXPLAIN", "CALL", "SHOW", "ANALYZE", "LOCK", "REFRESH", "REINDEX", "TRUNCATE"),
    *("COMMIT", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"),
}
# What is shown as far as this word.
_COMMANDS = {
    *("ALTER", "ATTACH", "BEGIN", "COMMENT", "COPY", "CREATE", "DECLARE", "DO", "DROP", "EXECUTE"),
    *("GRANT", "LOAD", "NOTIFY", "PRAGMA", "PREPARE", "REVOKE", "SET", "VACUUM"),
}
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)\b")
_WHOLE = re.compile(
    r"(?i)\s*(?:BEGIN(?:\s+(?:TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE))*"
    r"|SET\s+CONSTRAINTS\s+ALL\s+(?:DEFERRED|IMMEDIATE))\s*"
)
_SETTING = re.compile(
    r"""(?i)\s*(?:SET|PRAGMA)\s+(?:(?:GLOBAL|LOCAL|SESSION)\s+)?[\w.@"`]+\s*(?::?=|\(|\bTO\b)"""
)
_DEFINITION = re.compile(
    r"(?i)\s*(?:CREATE|ALTER|DROP)\s+"
    r"(?:(?:OR\s+REPLACE|GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|UNIQUE|FULLTEXT|SPATIAL|MATERIALIZED)"
    r"\s+)*(?:TABLE|INDEX|VIEW|SEQUENCE)\b"
)
_OPTION = re.compile(r"""=\s*(?:\w+|"[^"]*"|`[^`]*`)""")
_PASSWORD = re.compile(r"(?i)\b(?:IDENTIFIED\s+(?:BY|VIA|WITH)|ACCESS\s+PARAMETERS)\b")
_MEMBER = re.compile(r"\s*\.\s*[^\s\d]")  # but not a number such as .5
_NAMES_FOLLOW = {"AS", "FROM", "INDEX", "INTO", "JOIN", "TABLE", "UPDATE"}


def normalise(sql: str, vendor: str, known_names: Set[str] = frozenset()) -> str:
    """The statement on one line of at most MAX_OUTPUT characters, without any value.

    `vendor` is Django's name of the database. `known_names` are tables and columns: like SQLite,
    this takes a double-quoted text that is not a known name for a string.
    """
    dialect = vendor if vendor in _TOKENS else ""
    statements = _Scan(sql[:MAX_INPUT], dialect, known_names).statements()
    text = ";".join(_without_bare_values(statement) for statement in statements)
    if len(sql) > MAX_INPUT:
        text += CUT
    text = " ".join(text.split())
    text = _SAVEPOINT.sub(r"\1 ?", text)
    text = _ROWS.sub("(?)", _LIST.sub("?", text))
    return text if len(text) <= MAX_OUTPUT else text[: MAX_OUTPUT - 1] + CUT


def fingerprint(normalised: str) -> str:
    """16 hexadecimal digits, equal for equal normalised statements."""
    return blake2b(normalised.encode(errors="replace"), digest_size=8).hexdigest()


def _without_bare_values(statement: str) -> str:
    """The statement, already without literals, as far as no bare word in it can be a value."""
    found = _FIRST_WORD.match(statement)
    if found is None:
        return CUT if statement.strip() else ""
    if (password := _PASSWORD.search(statement)) is not None:
        statement = statement[: password.end()] + CUT
    verb = found[1].upper()
    if verb in _QUERIES or _WHOLE.fullmatch(statement):
        return statement
    if (setting := _SETTING.match(statement)) is not None:
        return f"{setting[0]} ?"
    if _DEFINITION.match(statement):
        return _OPTION.sub("= ?", statement)
    return f" {verb} {CUT}" if verb in _COMMANDS else CUT


@cache
def _pattern(dialect: str) -> re.Pattern[str]:
    tokens = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _TOKENS[dialect])
    return re.compile(rf"{tokens}|(?P<space>\s+)|(?P<other>.)", re.DOTALL)


class _Scan:
    """One pass over a statement."""

    def __init__(self, sql: str, dialect: str, known_names: Set[str]) -> None:
        self._sql = sql
        self._dialect = dialect
        self._known_names = known_names
        self._at = 0
        self._last_word = ""
        self._last = self._before_word = ""

    def statements(self) -> list[str]:
        """The text between semicolons, without literals and comments."""
        result: list[list[str]] = [[]]
        for piece in self._pieces():
            if piece == ";":
                result.append([])
            else:
                result[-1].append(piece)
        return ["".join(pieces) for pieces in result]

    def _pieces(self) -> Iterator[str]:
        match = _pattern(self._dialect).match
        while self._at < len(self._sql):
            token = match(self._sql, self._at)
            assert token is not None  # `other` takes any character
            self._at = token.end()
            piece = self._piece(token)
            if piece is None:
                yield CUT
                return
            yield piece
            if not piece.isspace():
                self._last = piece

    def _piece(self, token: re.Match[str]) -> str | None:
        """The token's replacement; None if the rest of the statement cannot be read safely."""
        kind, text = token.lastgroup or "other", token.group()
        if kind == "word":
            self._before_word, self._last_word = self._last.upper(), text.upper()
            return text
        handle = _HANDLERS.get(kind)
        return text if handle is None else handle(self, text)

    def string(self, text: str) -> str | None:
        return None if _DOUBTFUL_QUOTE.search(text) else "?"

    def block(self, text: str) -> str | None:
        if self._dialect == "mysql" and self._sql.startswith(("!", "M!"), self._at):
            return None  # some versions execute what is in it: they read strings there
        depth = 1
        for mark in re.finditer(r"/\*|\*/", self._sql[self._at :]):
            if mark.group() == "*/":
                depth -= 1
            elif self._dialect == "postgresql":
                depth += 1
            if depth == 0:
                self._at += mark.end()
                return " "
        return None

    def dollar(self, text: str) -> str | None:
        end = self._sql.find(text, self._at)
        if end < 0:
            return None
        self._at = end + len(text)
        return "?"

    def doubtful(self, text: str) -> str:
        """A name in double quotes, or a string (SQLite's documented misfeature)."""
        qualified = self._last == "." or _MEMBER.match(self._sql, self._at) is not None
        follows = (
            self._last.upper() == self._last_word
            and self._last_word in _NAMES_FOLLOW
            and self._before_word != "DISTINCT"  # `IS DISTINCT FROM "value"`
        )
        known = text[1:-1] in self._known_names
        return text if qualified or follows or known else "?"


_HANDLERS: dict[str, Callable[[_Scan, str], str | None]] = {
    "comment": lambda scan, text: " ",
    "literal": lambda scan, text: "?",
    "literal2": lambda scan, text: "?",
    "literal3": lambda scan, text: "?",
    "number": lambda scan, text: "?",
    "open": lambda scan, text: None,
    "unfinished": lambda scan, text: None,
    "space": lambda scan, text: " ",
    "string": _Scan.string,
    "block": _Scan.block,
    "dollar": _Scan.dollar,
    "doubtful": _Scan.doubtful,
}
