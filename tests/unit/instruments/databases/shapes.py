"""Statements of many shapes, each with a secret where its database may read a value."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.unit.instruments.databases.statements import LITERALS, PAYLOADS, SECRET, vendor_of

# One a line. `{value}` stands for a literal as the database writes it, `{word}` for a bare word.
_SHAPES = {
    "": """
SELECT a FROM t WHERE b = {value}
SELECT a FROM t WHERE b IN ({value}, {value})
INSERT INTO t (a, b) VALUES ({value}, {value})
UPDATE t SET a = {value} WHERE b = 1
DELETE FROM t WHERE a LIKE {value}
WITH x AS (SELECT {value}) SELECT a FROM x
(SELECT a FROM t WHERE b = {value}) UNION (SELECT {value})
CREATE TABLE t (a text DEFAULT {value})
ALTER TABLE t ADD a text DEFAULT {value}
CREATE VIEW v AS SELECT {value} AS x
CREATE UNIQUE INDEX i ON t (a) WHERE b = {value}
SET a = {value}
SET a = {word}
SELECT 1; SET a = {word}; SELECT 2
CREATE ROLE r PASSWORD {value}
GRANT r TO {word}
{word}
; {word} ;
CALL p({value})
EXECUTE p({value})
COMMENT ON TABLE t IS {value}
SET ROLE {word}
SET NAMES {word}
BEGIN {word}
CREATE {word}
ALTER {word}
""",
    "postgresql": """
ALTER ROLE r SET x TO {word}
ALTER ROLE r SET x = {word}
ALTER ROLE r SET x = {value}
ALTER ROLE r IN DATABASE d SET x TO {word}
ALTER USER u SET x TO {word}, {word}
ALTER SYSTEM SET x = {word}
ALTER SYSTEM SET x TO {value}
ALTER SYSTEM SET x = "{word}"
ALTER DATABASE d SET x = {word}
ALTER FUNCTION f(int) SET x TO {word}
CREATE FUNCTION f() RETURNS int SET x TO {word} LANGUAGE sql AS {value}
CREATE OR REPLACE PROCEDURE f() LANGUAGE sql SET x = {word} AS {value}
SET x = "a;{word}"
SET x TO "{word}", {word}
SET x = "a;SELECT {word}"
SET LOCAL x TO {word}
SET SESSION AUTHORIZATION {word}
SET TIME ZONE {word}
ALTER TABLE t SET (x = {word})
ALTER TABLE t SET (x = "{word}")
CREATE INDEX i ON t (a) WITH (x = {word})
CREATE SUBSCRIPTION s CONNECTION {value}
COPY t FROM PROGRAM {value}
NOTIFY c, {value}
DO {value}
LISTEN {word}
CREATE USER MAPPING FOR u SERVER s OPTIONS (password {value})
SELECT set_config({value}, {value})
SELECT 1 WHERE a IS NOT DISTINCT FROM {value}
SELECT a FROM t WHERE b = ANY({value})
PREPARE p AS SELECT {value}
SECURITY LABEL ON ROLE r IS {value}
EXPLAIN SELECT {value}
""",
    "mysql": """
SELECT 1 /*! 'a*/{word}' */
SELECT 1 /*!50000 'a*/{word}' */
SELECT 1 /*M! 'a*/{word}' */
CREATE USER u IDENTIFIED BY {value}
CREATE USER u IDENTIFIED VIA x USING {value}
SET PASSWORD FOR u = {value}
SET GLOBAL x = {word}
SET @a := {word}
SET @a = 1, @b = {word}
ALTER USER u IDENTIFIED BY {value} REPLACE {value}
LOAD DATA INFILE {value} INTO TABLE t
CREATE TABLE t (a int) ENGINE=CONNECT DBNAME={word}
CREATE TABLE t (a int) CONNECTION={value}
CREATE SERVER s OPTIONS (PASSWORD {value})
CHANGE MASTER TO MASTER_PASSWORD={value}
INSERT INTO t SET a = {value}
REPLACE INTO t VALUES ({value})
EXPLAIN FORMAT=JSON SELECT {value}
""",
    "sqlite": """
SELECT 1 WHERE a IS NOT DISTINCT FROM "{word}"
SELECT 1 WHERE a IS DISTINCT FROM /* x */ "{word}"
VACUUM INTO "{word}"
VACUUM INTO {value}
VACUUM main INTO "{word}"
SELECT a FROM t WHERE b = "{word}"
SELECT a FROM t WHERE b IN ("{word}", "{word}")
INSERT INTO t VALUES ("{word}")
SELECT 1 AS a WHERE b > "{word}"
ATTACH DATABASE "{word}" AS d KEY {word}
PRAGMA key = {word}
PRAGMA key("{word}")
CREATE VIRTUAL TABLE v USING fts5({word})
SELECT "{word}" || {value} FROM t
""",
    "oracle": """
CREATE USER u IDENTIFIED BY {word}
ALTER USER u IDENTIFIED BY "{word}" REPLACE {word}
SET ROLE r IDENTIFIED BY {word}
SET ROLE r IDENTIFIED BY "a={word}"
GRANT CONNECT TO u IDENTIFIED BY {word}
CREATE ROLE r IDENTIFIED BY {word}
CREATE DATABASE LINK l CONNECT TO u IDENTIFIED BY {word} USING {value}
CREATE TABLE t (a int ENCRYPT USING {value} IDENTIFIED BY {word})
ALTER TABLE t MODIFY (a ENCRYPT IDENTIFIED BY "{word}")
ALTER SESSION SET x = {word}
ALTER SYSTEM SET x = {value}
BEGIN x := {word}; END;
CREATE TABLE t (a int) ORGANIZATION EXTERNAL (ACCESS PARAMETERS (FIELDS {word}))
ADMINISTER KEY MANAGEMENT SET KEY IDENTIFIED BY {word}
MERGE INTO t USING d ON (a = {value})
""",
}
# Not a comment, which may end only with its line.
_QUOTED = {
    dialect: tuple(render for render in renders if "comment" not in render.__qualname__)
    for dialect, renders in LITERALS.items()
}
_ENDS = st.text(alphabet="abcXYZ_019", max_size=5)
_WORDS = st.builds(lambda before, after: f"x{before}{SECRET}{after}", _ENDS, _ENDS)


def shaped_statements(dialect: str) -> SearchStrategy[str]:
    """Statements of a dialect; its name up to a comma is Django's vendor."""
    shapes = _SHAPES[""] + _SHAPES.get(vendor_of(dialect), "")
    values = st.builds(
        lambda render, text: render(text), st.sampled_from(_QUOTED[dialect]), PAYLOADS
    )
    return st.builds(
        _filled,
        st.sampled_from(shapes.strip().split("\n")),
        st.lists(values, min_size=2, max_size=2),
        st.lists(_WORDS, min_size=2, max_size=2),
    )


def _filled(shape: str, values: list[str], words: list[str]) -> str:
    for mark, found in (("{value}", values), ("{word}", words)):
        for each in found:
            shape = shape.replace(mark, each, 1)
    return shape
