"""What a real database tells about itself, and what becomes of questions to one that is stuck."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.database_site.asking import ask
from tests.paths import ROOT
from tests.servers.gunicorn import environment
from tests.servers.postgresql import PostgreSQL, program, run_postgresql


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with run_postgresql("max_connections=7", "superuser_reserved_connections=0") as server:
        server.sql("CREATE TABLE large (a integer PRIMARY KEY, b text)")
        server.sql("INSERT INTO large SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n")
        server.sql("CREATE TABLE small (a integer)")
        server.sql("ANALYZE")
        yield server


def test_postgresql_tells_its_connections_and_the_sizes_of_its_tables(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    ((answer, _),) = ask(tmp_path, postgresql.url, 10)
    assert answer["vendor"] == "postgresql"
    assert (answer["in_use"], answer["idle"], answer["max"]) == (0, 0, 7)
    large, small = answer["tables"]
    assert (large["name"], small["name"]) == ("large", "small")
    exact = postgresql.sql("SELECT pg_total_relation_size('large'), pg_indexes_size('large')")
    assert f"{large['total_bytes']}|{large['index_bytes']}" == exact
    assert large["total_bytes"] == large["table_bytes"] + large["index_bytes"]
    assert large["row_estimate"] == 5000


def test_a_locked_table_is_estimated_and_does_not_hold_the_answer(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with Session(postgresql) as locker:
        locker.write(b"BEGIN; LOCK TABLE large; SELECT 'locked';\n")
        locker.wait_for(b"locked")
        ((answer, _),) = ask(tmp_path, postgresql.url, 10)
    assert answer["states"] == {"idle in transaction": 1}
    assert (answer["in_use"], answer["idle"]) == (1, 0)
    by_name = {table["name"]: table for table in answer["tables"]}
    assert by_name["large"]["table_bytes"] > 500_000
    assert by_name["large"]["row_estimate"] == 5000


def test_a_stopped_postgresql_is_an_error_within_the_deadline(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    postgresql.send(signal.SIGSTOP)
    try:
        first, second = ask(tmp_path, postgresql.url, 1, 0.5)
    finally:
        postgresql.send(signal.SIGCONT)
    assert first[0] == "default: no answer within 1 s"
    assert second[0] == "default: an earlier question has no answer yet"
    assert 1 <= first[1] < 2
    assert 0.5 <= second[1] < 1.5


def test_a_postgresql_without_free_connections_is_an_error(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with ExitStack() as sessions:
        for _ in range(7):
            session = sessions.enter_context(Session(postgresql))
            session.write(b"SELECT 'connected';\n")
            session.wait_for(b"connected")
        ((answer, seconds),) = ask(tmp_path, postgresql.url, 5)
    assert answer == "default: OperationalError"
    assert seconds < 5


def test_no_postgresql_is_an_error(tmp_path: Path) -> None:
    ((answer, seconds),) = ask(tmp_path, "postgres://u:hunter2@127.0.0.1:1/d", 5)
    assert answer == "default: OperationalError"
    assert seconds < 5


def test_sqlite_tells_its_pages_and_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=environment(tmp_path / "metrics", tmp_path, DATABASE_URL=url),
        check=True,
    )
    ((answer, _),) = ask(tmp_path, url, 10)
    pages = answer["pages"]
    assert pages["page_count"] * pages["page_size"] == (tmp_path / "db.sqlite3").stat().st_size
    assert "auth_user" in {table["name"] for table in answer["tables"]}
    assert answer["max"] is None


class Session:
    """A psql that stays."""

    def __init__(self, postgresql: PostgreSQL) -> None:
        self._process = subprocess.Popen(
            [program("psql"), "-XAt", postgresql.url.replace("postgres:", "postgresql:", 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def write(self, statement: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(statement)
        self._process.stdin.flush()

    def wait_for(self, text: bytes) -> None:
        assert self._process.stdout is not None
        while text not in self._process.stdout.readline():
            assert self._process.poll() is None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
