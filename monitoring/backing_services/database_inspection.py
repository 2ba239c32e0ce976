"""Reads a database's connections and largest tables from the server itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper

MAX_TABLES = 20
_LARGEST_DBSTAT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """Sizes in bytes; None where the database does not tell."""

    name: str
    total_bytes: int | None
    table_bytes: int | None
    index_bytes: int | None
    row_estimate: int | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one database tells; None for what it does not tell.

    `states` counts its connections by the server's name of their state. `pages` is SQLite's
    page_count, freelist_count (unused pages) and page_size (bytes).
    """

    vendor: str
    in_use: int | None = None
    idle: int | None = None
    max: int | None = None
    states: dict[str, int] = field(default_factory=dict)
    pages: dict[str, int] | None = None
    tables: tuple[Table, ...] = ()


def inspect(connection: BaseDatabaseWrapper) -> Inspection:
    """Query the database on this connection. Raises django.db.Error."""
    by_vendor = _INSPECTORS.get(connection.vendor)
    return Inspection(connection.vendor) if by_vendor is None else by_vendor(connection)


def _rows(connection: BaseDatabaseWrapper, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


_POSTGRESQL_STATES = """
    SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'
    GROUP BY 1
"""
_POSTGRESQL_TABLES = """
    SELECT c.oid, CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
                       ELSE n.nspname || '.' || c.relname END, c.reltuples,
           c.relpages::bigint * current_setting('block_size')::bigint AS pages,
           coalesce((SELECT sum(i.relpages) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                     WHERE x.indrelid = c.oid), 0)::bigint
             * current_setting('block_size')::bigint AS index_pages
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t'
"""
# Exact, but each size function locks its table, and so waits while an ALTER TABLE runs.
_POSTGRESQL_EXACT = f"""
    SELECT name, pg_total_relation_size(oid), pg_table_size(oid), pg_indexes_size(oid), rows
    FROM ({_POSTGRESQL_TABLES}) AS t (oid, name, rows, pages, index_pages)
    ORDER BY 2 DESC, 1 LIMIT {MAX_TABLES}
"""  # noqa: S608  (of our own constants)
_POSTGRESQL_ESTIMATED = f"""
    SELECT name, pages + index_pages, pages, index_pages, rows
    FROM ({_POSTGRESQL_TABLES}) AS t (oid, name, rows, pages, index_pages)
    ORDER BY 2 DESC, 1 LIMIT {MAX_TABLES}
"""  # noqa: S608  (of our own constants)


def _postgresql(connection: BaseDatabaseWrapper) -> Inspection:
    """Only members of pg_monitor see the state of other users' connections."""
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        # LOCAL ends with the transaction: behind PgBouncer, other clients use this session later.
        cursor.execute("SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '300ms'")
    states = {state: int(count) for state, count in _rows(connection, _POSTGRESQL_STATES)}
    idle = states.get("idle", 0)
    ((highest,),) = _rows(connection, "SELECT current_setting('max_connections')::int")
    before_sizes = connection.savepoint() or ""
    try:
        tables = _rows(connection, _POSTGRESQL_EXACT)
    except Error:
        connection.savepoint_rollback(before_sizes)
        tables = _rows(connection, _POSTGRESQL_ESTIMATED)
    return Inspection(
        connection.vendor,
        in_use=sum(states.values()) - idle,
        idle=idle,
        max=highest,
        states=states,
        tables=tuple(
            Table(name, int(total), int(table), int(index), int(rows) if rows >= 0 else None)
            for name, total, table, index, rows in tables
        ),
    )


_MYSQL_STATES = """
    SELECT lower(command), count(*) FROM information_schema.processlist
    WHERE db = database() AND id <> connection_id() GROUP BY 1
"""
_MYSQL_TABLES = f"""
    SELECT table_name, data_length + index_length, data_length, index_length, table_rows
    FROM information_schema.tables
    WHERE table_schema = database() AND table_type = 'BASE TABLE'
    ORDER BY 2 DESC, 1 LIMIT {MAX_TABLES}
"""  # noqa: S608  (of our own constants)


def _mysql(connection: BaseDatabaseWrapper) -> Inspection:
    """Only users with the PROCESS privilege see other users' connections."""
    states = {state: int(count) for state, count in _rows(connection, _MYSQL_STATES)}
    idle = states.get("sleep", 0)
    ((highest,),) = _rows(connection, "SELECT @@max_connections")
    return Inspection(
        connection.vendor,
        in_use=sum(states.values()) - idle,
        idle=idle,
        max=int(highest),
        states=states,
        tables=tuple(Table(*row) for row in _rows(connection, _MYSQL_TABLES)),
    )


_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_SQLITE_SIZES = """
    SELECT m.tbl_name, sum(s.pgsize), sum(CASE WHEN m.type = 'table' THEN s.pgsize ELSE 0 END)
    FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1
"""


def _sqlite(connection: BaseDatabaseWrapper) -> Inspection:
    pages = {}
    for name in ("page_count", "freelist_count", "page_size"):
        ((pages[name],),) = _rows(connection, f"PRAGMA {name}")
    try:
        # dbstat reads the whole file, and not every build of SQLite has it.
        small = pages["page_count"] * pages["page_size"] <= _LARGEST_DBSTAT_BYTES
        tables = [
            Table(name, total, table, total - table, None)
            for name, total, table in (_rows(connection, _SQLITE_SIZES) if small else ())
        ]
    except Error:
        tables = []
    if not tables:
        names = _rows(connection, _SQLITE_TABLES)
        tables = [Table(name, None, None, None, None) for (name,) in names]
    tables.sort(key=lambda table: (-(table.total_bytes or 0), table.name))
    return Inspection(connection.vendor, pages=pages, tables=tuple(tables[:MAX_TABLES]))


_INSPECTORS: dict[str, Callable[[BaseDatabaseWrapper], Inspection]] = {
    "mysql": _mysql,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}
