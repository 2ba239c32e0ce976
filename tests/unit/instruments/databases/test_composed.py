"""What psycopg composed is logged as its text, without a connection and without a literal."""

from types import ModuleType
from typing import Any

import psycopg.sql
import psycopg2.sql
import pytest

from monitoring.instruments.databases.normalise import normalise
from monitoring.instruments.databases.statement_text import text_of

both = pytest.mark.parametrize("sql", [psycopg.sql, psycopg2.sql], ids=["psycopg", "psycopg2"])


@both
def test_a_formatted_statement(sql: ModuleType) -> None:
    statement = sql.SQL("SELECT {}, {} FROM {} WHERE {} = {} AND b = {} AND c = {}").format(
        sql.Identifier("id"),
        sql.SQL(", ").join([sql.Identifier("a"), sql.Identifier('q"uote')]),
        sql.Identifier("shop", "order"),
        sql.Identifier("a"),
        sql.Literal("hunter2"),
        sql.Placeholder(),
        sql.Placeholder("name"),
    )
    text = text_of(statement)
    assert text == (
        'SELECT "id", "a", "q""uote" FROM "shop"."order" WHERE "a" = ? AND b = %s AND c = %(name)s'
    )
    assert normalise(text, "postgresql", frozenset()).startswith('SELECT "id", "a", ')


@both
def test_each_kind_alone(sql: ModuleType) -> None:
    assert text_of(sql.SQL("SELECT 1")) == "SELECT 1"
    assert text_of(sql.SQL("SELECT ") + sql.SQL("2")) == "SELECT 2"
    assert text_of(sql.Literal("hunter2")) == "Literal"


def test_anything_else_is_named_by_its_type() -> None:
    class Odd:
        def as_string(self, context: Any) -> str:
            raise TypeError("argument 2 must be a connection or a cursor")

    assert text_of(Odd()) == "Odd"
    assert text_of(b"SELECT \xff") == "SELECT \ufffd"
