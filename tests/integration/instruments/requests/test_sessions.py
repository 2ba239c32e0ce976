"""Active sessions: exact over workers and hosts, without a session key in Redis."""

import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.servers.admin import User, ask, make_users
from tests.servers.gunicorn import SCRAPE, Gunicorn, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.redis import RedisServer, run_redis

KEY = "monitoring:sessions"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with run_redis(tmp_path / "redis") as server:
        yield server


def call(server: Gunicorn, headers: Mapping[str, str], path: str = "/demo/ok/") -> None:
    connection = http.client.HTTPConnection(server.address, timeout=20)
    try:
        connection.request("GET", path, headers={**headers, "Connection": "close"})
        connection.getresponse().read()
    finally:
        connection.close()


def call_all(servers: list[Gunicorn], users: Mapping[str, User], times: int = 6) -> None:
    """Each user by session, and an anonymous one, often enough to come to every worker."""
    for server in servers:
        for number in range(times):
            for user in users.values():
                call(server, user.cookie)
            call(server, {})
            call(server, {"Cookie": f"sessionid={'a' * 31}{number}"})  # nobody's


def test_sessions_and_bearer_users_are_counted_once_over_workers_and_hosts(
    redis: RedisServer, tmp_path: Path, shm_directory: Path
) -> None:
    users = make_users(tmp_path, others=4)
    with (
        run_gunicorn(
            tmp_path, directory=shm_directory.with_name("a"), workers=3, REDIS_URL=redis.url
        ) as first,
        run_gunicorn(
            tmp_path, directory=shm_directory.with_name("b"), workers=2, REDIS_URL=redis.url
        ) as second,
    ):
        call_all([first, second], users)
        # Five sessions; the admin's token, which `ask` shows, makes a bearer user of its own.
        ask(first, users["admin"])
        wait_for("six", lambda: ask(second, users["admin"])["active_sessions"] == 6)
        assert ask(first, users["admin"])["active_sessions"] == 6
        assert "active_sessions" not in ask(first, users["admin"])["unavailable"]
        gauges = [
            line
            for line in first.get(SCRAPE)[1].splitlines()
            if line.startswith("http_active_sessions")
        ]
        assert gauges == ["http_active_sessions 6.0"]  # once, not once for each worker
        with redis.client() as client:
            stored = repr([client.dump(key) for key in client.keys("*")]) + repr(
                client.zrange(KEY, 0, -1)
            )
            assert client.zcard(KEY) == 6
            assert 0 < int(client.ttl(KEY)) <= 3600
        for user in users.values():
            assert user.session not in stored
            assert user.token not in stored


def test_a_session_is_written_at_most_once_in_30_seconds_by_a_worker(
    redis: RedisServer, tmp_path: Path, shm_directory: Path
) -> None:
    users = make_users(tmp_path, others=2)
    with run_gunicorn(tmp_path, directory=shm_directory, workers=2, REDIS_URL=redis.url) as server:
        for _ in range(40):
            for user in users.values():
                call(server, user.cookie)

        def commands() -> int:
            with redis.client() as client:
                statistics = client.info("commandstats")
            return int(statistics.get("cmdstat_zadd", {}).get("calls", 0))

        wait_for("the sessions", lambda: commands() > 0)
        # Three sessions, two workers; a batch of several sessions is one command.
        assert commands() <= 6


def test_sessions_older_than_30_minutes_are_not_active(
    redis: RedisServer, tmp_path: Path, shm_directory: Path
) -> None:
    users = make_users(tmp_path)
    with run_gunicorn(tmp_path, directory=shm_directory, workers=1, REDIS_URL=redis.url) as server:
        with redis.client() as client:
            now = client.time()[0]
            client.zadd(KEY, {"old": now - 1801, "recent": now - 1700})
        assert ask(server, users["admin"])["active_sessions"] == 1
        wait_for("the admin", lambda: ask(server, users["admin"])["active_sessions"] == 2)
        with redis.client() as client:
            assert client.zscore(KEY, "old") is None  # what is too old is not kept
