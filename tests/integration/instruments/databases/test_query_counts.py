"""What the views executed is what the scrape says, over 4 workers, on PostgreSQL and SQLite."""

import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.database_site.asking import ask
from tests.database_site.server import UVICORN, call, log_lines, run_site
from tests.servers.exposition import Series, series
from tests.servers.gunicorn import SCRAPE, Gunicorn
from tests.servers.mariadb import run_mariadb
from tests.servers.ports import wait_for
from tests.servers.postgresql import PostgreSQL, run_postgresql

ROUNDS = 6


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with run_postgresql() as server:
        yield server


# Of a round: statements, as execute or as items of executemany; calls; errors.
PATHS = ["/plain/7/", "/many/5/", "/transactions/", "/server-side/"]
STATEMENTS = 7 + (3 + 2 * 5) + 5 + 2
OF_MANY = 2 * 5
CALLS = 7 + 5 + 5 + 2


def value(samples: Mapping[Series, float], name: str, **labels: str) -> float:
    return samples.get(series(name, **labels), 0.0)


def assert_counts(server: Gunicorn, vendor: str, error: str, begins: int = 0) -> None:
    """`begins`: of a round, statements that begin a transaction and go through a cursor."""
    call(server, PATHS * ROUNDS)
    database = {"alias": "default", "vendor": vendor}
    for _ in range(8):  # whichever worker answers
        samples = server.scrape()
        found = {
            name: value(samples, f"django_db_{name}", **database)
            for name in ("execute_total", "execute_many_total", "query_duration_seconds_count")
        }
        assert found == {
            "execute_total": ROUNDS * (STATEMENTS + begins),
            "execute_many_total": ROUNDS * OF_MANY,
            "query_duration_seconds_count": ROUNDS * (CALLS + begins),
        }
        assert value(samples, "django_db_errors_total", type=error, **database) == ROUNDS
        assert value(samples, "db_query_duration_highr_seconds_count") == ROUNDS * (CALLS + begins)
        assert value(samples, "http_request_queries_sum") == ROUNDS * (CALLS + begins)
        assert value(samples, "http_request_queries_count") == ROUNDS * len(PATHS)
        assert value(samples, "db_slow_queries_total", alias="default") == 0
    assert value(samples, "django_db_new_connections_total", **database) >= 1


def test_postgresql(postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path) -> None:
    slow_off = {"SLOW_QUERY_MS": 60_000}
    with run_site(tmp_path, shm_directory, postgresql.url, monitoring=slow_off) as server:
        assert_counts(server, "postgresql", "ProgrammingError")


def test_postgresql_with_a_pool_and_threads(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    pool = {"OPTIONS": {"pool": {"min_size": 1, "max_size": 3}}, "CONN_MAX_AGE": 0}
    with run_site(
        tmp_path,
        shm_directory,
        postgresql.url,
        *("-k", "gthread", "--threads", "3"),
        database=pool,
        monitoring={"SLOW_QUERY_MS": 60_000},
    ) as server:
        assert_counts(server, "postgresql", "ProgrammingError")


def test_sqlite(tmp_path: Path, shm_directory: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    with run_site(tmp_path, shm_directory, url, monitoring={"SLOW_QUERY_MS": 60_000}) as server:
        assert_counts(server, "sqlite", "OperationalError", begins=2)


def test_mariadb(tmp_path: Path, shm_directory: Path) -> None:
    with (
        run_mariadb() as mariadb,
        run_site(
            tmp_path, shm_directory, mariadb.url, monitoring={"SLOW_QUERY_MS": 60_000}
        ) as server,
    ):
        assert_counts(server, "mysql", "ProgrammingError")
        ((answer, _),) = ask(tmp_path, mariadb.url, 10)
        assert answer["vendor"] == "mysql"
        assert answer["idle"] + answer["in_use"] >= 1
        assert answer["max"] == 151
        assert "auth_group" in {table["name"] for table in answer["tables"]}


def test_the_async_orm_on_postgresql(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(
        tmp_path,
        shm_directory,
        postgresql.url,
        *UVICORN,
        database={"CONN_MAX_AGE": 0},
        monitoring={"SLOW_QUERY_MS": 60_000},
    ) as server:
        call(server, ["/async-orm/", "/plain/2/"] * ROUNDS)
        samples = server.scrape()
        database = {"alias": "default", "vendor": "postgresql"}
        assert value(samples, "django_db_execute_total", **database) == ROUNDS * 9
        assert value(samples, "http_request_queries_sum") == ROUNDS * 9
        assert value(samples, "http_request_queries_bucket", le="2.0") == ROUNDS


def test_a_slow_query_is_counted_and_logged_with_its_request_and_without_its_values(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    limits = {"SLOW_QUERY_MS": 250, "SLOW_QUERY_LOG_PER_MINUTE": 2}
    with run_site(tmp_path, shm_directory, postgresql.url, workers=1, monitoring=limits) as server:
        slow = urllib.request.Request(
            f"http://{server.address}/slow/?ms=300&token=hunter2", headers={"X-Request-ID": "id-1"}
        )
        for _ in range(5):
            with urllib.request.urlopen(slow, timeout=20) as answer:
                assert answer.status == 200
        call(server, ["/slow/?ms=0"])

        def counted() -> tuple[float, float]:
            samples = server.scrape()
            slow = value(samples, "db_slow_queries_total", alias="default")
            return slow, value(samples, "db_slow_query_log_suppressed_total")

        wait_for("the suppressed lines", lambda: counted() == (5, 3))
        exposed = server.get(SCRAPE)[1]
    lines = log_lines(tmp_path)
    assert len(lines) == 2
    line = lines[0]
    assert line["sql"] == "SELECT pg_sleep(?), ?"
    assert line["event"] == "slow_query"
    assert line["alias"] == "default"
    assert line["route"] == "/slow/"
    assert line["request_id"] == "id-1"
    assert line["rows"] == 1
    assert 300 <= line["duration_ms"] < 5000
    assert line["fingerprint"] == lines[1]["fingerprint"]
    for text in ((tmp_path / "slow.log").read_text(), exposed, server.log.read_text()):
        assert "hunter2" not in text


def test_a_query_that_a_request_repeats_is_counted_and_logged(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(
        tmp_path,
        shm_directory,
        postgresql.url,
        monitoring={"SLOW_QUERY_MS": 60_000, "REPEATED_QUERIES": 10},
    ) as server:
        call(server, ["/plain/11/", "/plain/12/", "/plain/10/"])
        wait_for(
            "the repeated queries",
            lambda: (
                value(server.scrape(), "db_repeated_queries_total", route="/plain/<int:count>/")
                == 2
            ),
        )
        wait_for("their lines", lambda: len(log_lines(tmp_path)) == 2)
    found = sorted(log_lines(tmp_path), key=lambda line: int(line["count"]))
    assert [(line["event"], line["count"], line["sql"]) for line in found] == [
        ("repeated_query", 11, "SELECT ?"),
        ("repeated_query", 12, "SELECT ?"),
    ]
    assert {line["route"] for line in found} == {"/plain/<int:count>/"}
