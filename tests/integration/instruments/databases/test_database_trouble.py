"""A database that is stopped, stuck or exhausted: what needs none goes on, and is counted."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.database_site.server import call, run_site
from tests.servers.exposition import series
from tests.servers.postgresql import PostgreSQL, run_postgresql

DATABASE = {"alias": "default", "vendor": "postgresql"}


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with run_postgresql() as server:
        yield server


def test_requests_without_a_database_do_not_notice_a_stopped_postgresql(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(tmp_path, shm_directory, postgresql.url) as server:
        call(server, ["/plain/1/"] * 40)  # each worker has its connection
        before = server.scrape()[series("django_db_execute_total", **DATABASE)]
        postgresql.send(signal.SIGSTOP)
        started = time.monotonic()
        call(server, ["/demo/ok/"] * 40)
        samples = server.scrape()
        assert time.monotonic() - started < 10
        postgresql.send(signal.SIGCONT)
        assert samples[series("django_db_execute_total", **DATABASE)] == before
        call(server, ["/plain/1/"] * 4)


def test_a_postgresql_that_is_gone_is_counted_as_errors(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(
        tmp_path, shm_directory, postgresql.url, workers=1, database={"CONN_MAX_AGE": 0}
    ) as server:
        call(server, ["/plain/1/"])
        postgresql.process.send_signal(signal.SIGINT)
        postgresql.process.wait(20)
        assert [server.get("/plain/1/")[0] for _ in range(3)] == [500] * 3
        call(server, ["/demo/ok/"])
        samples = server.scrape()
        assert samples[series("django_db_new_connections_total", **DATABASE)] == 1
        assert samples[series("django_db_new_connection_errors_total", **DATABASE)] == 3


def test_an_exhausted_pool_is_counted_and_its_statistics_are_of_all_workers(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    pool = {"min_size": 1, "max_size": 1, "timeout": 0.5}
    with run_site(
        tmp_path,
        shm_directory,
        postgresql.url,
        *("-k", "gthread", "--threads", "4"),
        workers=2,
        database={"OPTIONS": {"pool": pool}, "CONN_MAX_AGE": 0},
    ) as server:
        call(server, ["/plain/1/"] * 20)
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(server.get, ["/slow/?ms=2500"] * 6))
        refused = sum(status == 500 for status, _ in answers)
        assert refused >= 3  # two pools of one connection, six requests at one time
        call(server, ["/plain/1/", "/demo/ok/"] * 20)
        samples = server.scrape()
        errors = series("django_db_new_connection_errors_total", **DATABASE)
        assert samples[errors] == refused
        assert samples[series("db_pool_request_errors_total", alias="default")] == refused
        assert samples[series("db_pool_requests_waiting", alias="default")] == 0
        assert samples[series("db_pool_wait_seconds_total", alias="default")] > 0
        states = {
            state: samples[series("db_pool_connections", alias="default", state=state)]
            for state in ("in_use", "idle", "max")
        }
        assert states == {"in_use": 0, "idle": 2, "max": 2}
        made = samples[series("django_db_new_connections_total", **DATABASE)]
        assert samples[series("db_pool_requests_total", alias="default")] == made + refused
