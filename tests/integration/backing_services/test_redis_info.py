"""Redis is asked about itself, and no Redis is an error within the deadline."""

import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from monitoring.backing_services.redis_client import redis_client
from monitoring.backing_services.redis_info import RedisInfo, RedisServer, redis_info, redis_servers
from monitoring.errors import RedisUnavailableError
from tests.servers.redis import run_redis, run_sentinel

DJANGO = "django.core.cache.backends.redis.RedisCache"
DJANGO_REDIS = "django_redis.cache.RedisCache"


def at(url: str) -> RedisServer:
    return RedisServer("test", partial(redis_client, url))


def ask_all(**caches: dict[str, Any]) -> dict[str, int]:
    """Port, or 0 for a unix socket, of the server that answers, by name."""
    with override_settings(CACHES=caches, MONITORING={"REDIS_URL": ""}):
        answers = {}
        for server in redis_servers():
            assert redis_info(server, 5).version
            with server.connect(5) as client:
                answers[server.name] = client.info()["tcp_port"]
        return answers


def test_a_real_redis(tmp_path: Path) -> None:
    with run_redis(tmp_path) as redis:
        first = redis_info(at(redis.url), 5)
        second = redis_info(at(redis.url), 5)
        assert first.used_memory_bytes > 0
        assert first.used_memory_peak_bytes >= first.used_memory_bytes
        assert first.connected_clients == 1
        assert second.total_commands_processed > first.total_commands_processed
        assert (first.evicted_keys, first.expired_keys) == (0, 0)
        assert first.version[0].isdigit()
        redis.signal(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(RedisUnavailableError):
            redis_info(at(redis.url), 0.5)
        assert time.monotonic() - started < 3


def test_a_stopped_redis_keeps_one_thread_waiting_however_many_ask(tmp_path: Path) -> None:
    most = 0
    answers: list[RedisInfo | RedisUnavailableError] = []

    def ask() -> None:
        try:
            answers.append(redis_info(at(redis.url), 2))
        except RedisUnavailableError as error:
            answers.append(error)

    with run_redis(tmp_path) as redis:
        redis.signal(signal.SIGSTOP)
        asking = [threading.Thread(target=ask) for _ in range(10)]
        for thread in asking:
            thread.start()
        while any(thread.is_alive() for thread in asking):
            most = max(most, sum(t.name == "monitoring-redis" for t in threading.enumerate()))
            time.sleep(0.01)
    assert most == 1
    assert [type(answer) for answer in answers] == [RedisUnavailableError] * 10


def test_no_redis() -> None:
    with pytest.raises(RedisUnavailableError, match="ConnectionError"):
        redis_info(at("redis://:hunter2@127.0.0.1:1/0"), 5)


def test_a_cache_is_asked_as_its_own_client_asks_it(tmp_path: Path) -> None:
    secret = "p@ss/w#rd"
    socket = tmp_path / "redis.sock"
    with (
        run_redis(tmp_path / "a", "--unixsocket", str(socket), password=secret) as first,
        run_redis(tmp_path / "b", password=secret) as second,
    ):
        options = {"PASSWORD": secret}
        answers = ask_all(
            default={"BACKEND": DJANGO, "LOCATION": first.url, "OPTIONS": {"password": secret}},
            username={
                "BACKEND": DJANGO,
                "LOCATION": first.url,
                "OPTIONS": {"username": "default", "password": secret},
            },
            replicas={
                "BACKEND": DJANGO,
                "LOCATION": [first.url, second.url],
                "OPTIONS": {"password": secret},
            },
            socket={
                "BACKEND": DJANGO,
                "LOCATION": f"unix://{socket}?db=1",
                "OPTIONS": {"password": secret},
            },
            other={"BACKEND": DJANGO_REDIS, "LOCATION": first.url, "OPTIONS": options},
            others={
                "BACKEND": DJANGO_REDIS,
                "LOCATION": f"{second.url},{first.url}",
                "OPTIONS": options,
            },
            sharded={
                "BACKEND": DJANGO_REDIS,
                "LOCATION": [second.url],
                "OPTIONS": {**options, "CLIENT_CLASS": "django_redis.client.ShardClient"},
            },
            valkey={
                "BACKEND": DJANGO,
                "LOCATION": first.url.replace("redis://", "valkey://"),
                "OPTIONS": {"password": secret, "pool_class": "valkey.ConnectionPool"},
            },
            local={"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        )
        assert answers == {
            "default": first.port,
            "username": first.port,
            "replicas": first.port,
            "replicas:2": second.port,
            "socket": first.port,
            "other": first.port,
            "others": second.port,
            "others:2": first.port,
            "sharded": second.port,
            "valkey": first.port,
        }


def test_a_sentinel_is_asked_for_the_primary(tmp_path: Path) -> None:
    with run_redis(tmp_path / "primary") as primary:
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(f"sentinel monitor shop 127.0.0.1 {primary.port} 1\n")
        with run_sentinel(tmp_path, configuration) as port:
            answers = ask_all(
                default={
                    "BACKEND": DJANGO_REDIS,
                    "LOCATION": "redis://shop/0?is_master=1",
                    "OPTIONS": {
                        "CLIENT_CLASS": "django_redis.client.DefaultClient",
                        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
                        "SENTINELS": [("127.0.0.1", port)],
                    },
                }
            )
    assert answers == {"default": primary.port}


def test_redis_url_is_a_server_of_its_own_only_if_no_cache_uses_it() -> None:
    caches = {"default": {"BACKEND": DJANGO, "LOCATION": "redis://a/0"}}
    for url, names in (
        ("redis://:hunter2@a:6379/0", ["default"]),
        ("redis://a/1", ["default", "REDIS_URL"]),
        ("valkey://b/0", ["default", "REDIS_URL"]),
    ):
        with override_settings(CACHES=caches, MONITORING={"REDIS_URL": url}):
            assert [server.name for server in redis_servers()] == names
    with override_settings(CACHES={}, MONITORING={"REDIS_URL": "redis://e/0"}):
        assert [server.name for server in redis_servers()] == ["REDIS_URL"]


def test_a_cache_that_cannot_be_made_says_so_without_its_password() -> None:
    wrong = {"BACKEND": DJANGO, "LOCATION": "redis://:hun/ter2@a:6379/0"}
    with (
        override_settings(CACHES={"default": wrong}, MONITORING={"REDIS_URL": ""}),
        pytest.raises(RedisUnavailableError, match=r"^ValueError$"),
    ):
        redis_info(redis_servers()[0], 5)
