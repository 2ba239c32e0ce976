"""GET /api/metrics/database/ and /cache/ on a real PostgreSQL and Redis."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database_site.server import call, get_json, run_site, sign_in
from tests.servers.ports import wait_for
from tests.servers.postgresql import PostgreSQL, run_postgresql
from tests.servers.redis import run_redis

DATABASE = "/api/metrics/database/"
CACHE = "/api/metrics/cache/"
SUMMARY = "/api/metrics/"
DEADLINE_SECONDS = 1.0


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with run_postgresql() as server:
        yield server


def test_figures_of_queries_and_caches(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with (
        run_redis(tmp_path) as redis,
        run_site(
            tmp_path,
            shm_directory,
            postgresql.url,
            monitoring={"SLOW_QUERY_MS": 400, "REPEATED_QUERIES": 5},
            REDIS_URL=redis.url,
        ) as server,
    ):
        token = sign_in(server, tmp_path, postgresql.url)
        _, before = get_json(server, f"{DATABASE}?window=all", token)
        call(server, ["/plain/3/", "/many/5/", "/transactions/"] * 8)
        call(server, ["/slow/?ms=500", "/plain/6/"])
        call(server, [f"/cache/key-{number}/" for number in range(5)])
        wait_for(
            "the repeated query",
            lambda: get_json(server, DATABASE, token)[1]["repeated_queries"],
        )
        status, after = get_json(server, f"{DATABASE}?window=all", token)
        assert status == 200
        assert after["error_count"] == 8
        # Ours may be more: each sign-in of an admin asks the database for them.
        assert after["query_count"] - before["query_count"] >= 8 * (3 + 5 + 5) + 7
        assert after["statement_count"] > after["query_count"]
        assert after["slow_queries_count"] == 1
        (slow,) = after["slow_queries"]
        assert (slow["sql"], slow["route"], slow["alias"]) == (
            "SELECT pg_sleep(?), ?",
            "/slow/",
            "default",
        )
        assert slow["duration_ms"] >= 500
        assert abs(slow["timestamp"] - time.time()) < 120
        (repeated,) = after["repeated_queries"]
        assert (repeated["count"], repeated["route"]) == (6, "/plain/<int:count>/")
        assert after["avg_execution_time"] > 0
        assert after["p95_execution_time"] > 0
        assert after["queries_per_request"] > 0
        connections = after["connections"]["default"]
        assert connections["vendor"] == "postgresql"
        assert connections["in_use"] + connections["idle"] >= 1
        assert connections["max"] == 40
        assert connections["pool"] is None
        assert "auth_user" in {table["name"] for table in after["tables"]}
        assert after["window"]["requested_seconds"] is None
        assert after["source"] == "local"
        assert "hunter2" not in json.dumps(after)

        status, cache = get_json(server, f"{CACHE}?window=all", token)
        assert status == 200
        assert (cache["hits"], cache["misses"]) == (20, 15)
        assert cache["hit_rate"] == pytest.approx(100 * 20 / 35)
        assert cache["per_alias"]["default"]["sets"] == 15
        assert cache["per_alias"]["default"]["deletes"] == 10
        assert cache["redis"]["connected_clients"] >= 1
        assert cache["unavailable"] == {}
        redis.stop()
        status, cache = get_json(server, CACHE, token)
        assert (status, cache["redis"], cache["hits"]) == (200, None, 20)
        assert set(cache["unavailable"]) == {"default"}


def test_only_admins_may_ask(tmp_path: Path, shm_directory: Path) -> None:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    with run_site(tmp_path, shm_directory, url, workers=1) as server:
        token = sign_in(server, tmp_path, url)
        for path in (DATABASE, CACHE):
            assert get_json(server, path)[0] == 401
            assert get_json(server, path, "wrong")[0] == 401
            assert server.get(path, "POST")[0] == 405
            status, answer = get_json(server, f"{path}?window=soon", token)
            assert status == 400
            assert set(answer["error"]["fields"]) == {"window"}
        status, answer = get_json(server, DATABASE, token)
        assert status == 200
        assert answer["connections"]["default"]["pages"]["page_size"] > 0
        cache = get_json(server, CACHE, token)[1]
        assert cache["redis"] is None
        assert cache["unavailable"] == {"redis": "no cache of CACHES is Redis"}


def test_a_stopped_and_a_lost_postgresql_are_a_503_within_the_deadline(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(
        tmp_path,
        shm_directory,
        postgresql.url,
        monitoring={"DATABASE_TIMEOUT_MS": 1000 * DEADLINE_SECONDS},
    ) as server:
        token = sign_in(server, tmp_path, postgresql.url)
        call(server, ["/plain/1/"] * 16)
        postgresql.send(signal.SIGSTOP)
        try:
            for path in (DATABASE, CACHE, SUMMARY, DATABASE):
                started = time.monotonic()
                status, answer = get_json(server, path, token)
                assert (status, answer["error"]["code"]) == (503, "database_unavailable")
                assert time.monotonic() - started < DEADLINE_SECONDS + 3
            assert get_json(server, DATABASE)[0] == 401
            call(server, ["/demo/ok/"] * 8)
        finally:
            postgresql.send(signal.SIGCONT)
        wait_for("an answer", lambda: get_json(server, DATABASE, token)[0] == 200)
        postgresql.process.send_signal(signal.SIGINT)
        postgresql.process.wait(20)
        status, answer = get_json(server, DATABASE, token)
        assert (status, answer["error"]["code"]) == (503, "database_unavailable")


def test_a_connection_that_postgresql_has_closed_is_one_503_in_json(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(
        tmp_path, shm_directory, postgresql.url, workers=1, database={"CONN_MAX_AGE": None}
    ) as server:
        token = sign_in(server, tmp_path, postgresql.url)
        assert get_json(server, SUMMARY, token)[0] == 200
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
        assert "t" in postgresql.sql(end)
        status, answer = get_json(server, SUMMARY, token)
        assert (status, answer["error"]["code"]) == (503, "database_unavailable")
        assert get_json(server, SUMMARY, token)[0] == 200


def test_requests_of_admins_and_of_anybody_share_one_connection_of_the_gate(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    with run_site(
        tmp_path, shm_directory, postgresql.url, workers=1, database={"CONN_MAX_AGE": None}
    ) as server:
        token = sign_in(server, tmp_path, postgresql.url)
        opened = "SELECT sum(sessions) FROM pg_stat_database"
        assert get_json(server, CACHE, token)[0] == 200
        before = int(postgresql.sql(opened))
        for _ in range(30):
            assert get_json(server, CACHE, token)[0] == 200
            assert get_json(server, CACHE, "wrong")[0] == 401
        after = int(postgresql.sql(opened))
    assert after - before < 20  # 60 of the gate's before; these questions have connections, too


def test_an_exhausted_pool_is_a_503_within_the_deadline_and_then_shown(
    postgresql: PostgreSQL, tmp_path: Path, shm_directory: Path
) -> None:
    pool = {"min_size": 1, "max_size": 1, "timeout": 20}
    with run_site(
        tmp_path,
        shm_directory,
        postgresql.url,
        *("-k", "gthread", "--threads", "4"),
        workers=1,
        database={"OPTIONS": {"pool": pool}, "CONN_MAX_AGE": 0},
        monitoring={"DATABASE_TIMEOUT_MS": 1000 * DEADLINE_SECONDS},
    ) as server:
        token = sign_in(server, tmp_path, postgresql.url)
        long = threading.Thread(target=server.get, args=("/slow/?ms=6000",))
        long.start()
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        wait_for("the slow query", lambda: postgresql.sql(sleeping) == "1")
        started = time.monotonic()
        status, answer = get_json(server, DATABASE, token)
        assert (status, answer["error"]["code"]) == (503, "database_unavailable")
        assert time.monotonic() - started < DEADLINE_SECONDS + 3
        long.join(30)
        status, answer = get_json(server, DATABASE, token)
        assert status == 200
        pool_now = answer["connections"]["default"]["pool"]
        assert pool_now["max"] == 1
        assert pool_now["request_errors"] == 1
