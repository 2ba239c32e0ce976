"""Normalised SQL tells statements apart and has no value in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.instruments.databases.normalise import (
    CUT,
    MAX_INPUT,
    MAX_OUTPUT,
    fingerprint,
    normalise,
)
from tests.unit.instruments.databases.shapes import shaped_statements
from tests.unit.instruments.databases.statements import (
    DIALECTS,
    NUMBER,
    SECRET,
    statements,
    vendor_of,
)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_value_is_left_in_a_statement(dialect: str, data: st.DataObject) -> None:
    sql = data.draw(statements(dialect))
    shown = normalise(sql, vendor_of(dialect))
    assert SECRET not in shown
    assert NUMBER not in shown


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_statement_that_is_cut_anywhere_shows_no_value(dialect: str, data: st.DataObject) -> None:
    sql = data.draw(statements(dialect))
    head = sql[: data.draw(st.integers(0, len(sql)))]
    padded = "x" * (MAX_INPUT - len(head)) + " " + sql
    for text in (head, padded):
        shown = normalise(text, vendor_of(dialect))
        assert SECRET not in shown
        assert NUMBER not in shown


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_shape_of_a_statement_shows_a_value(dialect: str, data: st.DataObject) -> None:
    sql = data.draw(shaped_statements(dialect))
    assert SECRET not in normalise(sql, vendor_of(dialect))


@pytest.mark.parametrize(
    ("vendor", "sql", "shown"),
    [
        (
            "postgresql",
            'SELECT "a"."b" FROM "a"\n  WHERE "a"."id" IN (%s, %s, %s) LIMIT 21',
            'SELECT "a"."b" FROM "a" WHERE "a"."id" IN (?) LIMIT ?',
        ),
        ("postgresql", "SELECT a->>'k', x::int, b[1:2] -- why", "SELECT a->>?, x::int, b[?:?]"),
        (
            "postgresql",
            "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')",
            "INSERT INTO t (a, b) VALUES (?)",
        ),
        ("postgresql", 'SAVEPOINT "s140_x1"', "SAVEPOINT ?"),
        ("postgresql", "SET ROLE TO hunter2", "SET ROLE TO ?"),
        ("postgresql", "SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL IMMEDIATE"),
        ("postgresql", "begin", "begin"),
        ("postgresql", "ALTER ROLE r SET x TO hunter2", f"ALTER {CUT}"),
        (
            "postgresql",
            'CREATE INDEX CONCURRENTLY "i" ON "t" ("a") WITH (fillfactor = 70)',
            'CREATE INDEX CONCURRENTLY "i" ON "t" ("a") WITH (fillfactor = ?)',
        ),
        (
            "postgresql",
            "ALTER TABLE t ALTER a TYPE text USING a::text; SELECT 1",
            "ALTER TABLE t ALTER a TYPE text USING a::text; SELECT ?",
        ),
        ("mysql", "SELECT a /*! 'b*/hunter2' */", f"SELECT a {CUT}"),
        ("oracle", "ALTER USER u IDENTIFIED BY hunter2", f"ALTER {CUT}"),
        (
            "mysql",
            'SELECT `a` FROM `t` WHERE `b` = "it\'s" # x',
            "SELECT `a` FROM `t` WHERE `b` = ?",
        ),
        ("mysql", r"SELECT 'a\'b', 1", f"SELECT {CUT}"),
        (
            "sqlite",
            "SELECT 1 WHERE x LIKE %s ESCAPE '\\' AND y = 'z'",
            "SELECT ? WHERE x LIKE ? ESCAPE ? AND y = ?",
        ),
        (
            "sqlite",
            'SELECT "known" FROM "t" WHERE x = "unknown"',
            'SELECT "known" FROM "t" WHERE x = ?',
        ),
        ("sqlite", "PRAGMA key = hunter2", "PRAGMA key = ?"),
        ("sqlite", 'SELECT DISTINCT "known" FROM "t"', 'SELECT DISTINCT "known" FROM "t"'),
        ("sqlite", 'SELECT 1 WHERE a IS DISTINCT FROM "b"', "SELECT ? WHERE a IS DISTINCT FROM ?"),
        ("microsoft", 'SELECT "a" FROM "t" WHERE [x] = 1', f'SELECT "a" FROM "t" WHERE {CUT}'),
    ],
)
def test_a_statement_reads_as_it_was_but_for_its_values(vendor: str, sql: str, shown: str) -> None:
    assert normalise(sql, vendor, {"known"}) == shown


def test_statements_that_differ_in_values_alone_have_one_fingerprint() -> None:
    variants = (
        "SELECT * FROM t WHERE a IN (1, 2) AND b = 'x'",
        "SELECT *  FROM t WHERE a IN (3) AND b = 'it''s' -- c",
        "SELECT * FROM t WHERE a IN (%s, %s, %s) AND b = %s",
    )
    assert len({fingerprint(normalise(sql, "postgresql")) for sql in variants}) == 1
    other = fingerprint(normalise("SELECT * FROM t WHERE a IN (1) OR b = 'x'", "postgresql"))
    assert other != fingerprint(normalise(variants[0], "postgresql"))


def test_a_long_statement_is_shortened() -> None:
    shown = normalise("SELECT " + ", ".join(f"column_{n}" for n in range(5000)), "postgresql")
    assert len(shown) == MAX_OUTPUT
    assert shown.endswith(CUT)
