"""Redis is asked about itself, and no Redis is an error within the deadline."""

import signal
import threading
import time
from pathlib import Path

import pytest
from django.test import override_settings

from monitoring.backing_services.redis_info import RedisInfo, redis_info, redis_urls
from monitoring.errors import RedisUnavailableError
from tests.servers.redis import run_redis


def test_a_real_redis(tmp_path: Path) -> None:
    with run_redis(tmp_path) as redis:
        first = redis_info(redis.url, 5)
        second = redis_info(redis.url, 5)
        assert first.used_memory_bytes > 0
        assert first.used_memory_peak_bytes >= first.used_memory_bytes
        assert first.connected_clients == 1
        assert second.total_commands_processed > first.total_commands_processed
        assert (first.evicted_keys, first.expired_keys) == (0, 0)
        assert first.version[0].isdigit()
        redis.signal(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(RedisUnavailableError):
            redis_info(redis.url, 0.5)
        assert time.monotonic() - started < 3


def test_a_stopped_redis_keeps_one_thread_waiting_however_many_ask(tmp_path: Path) -> None:
    most = 0
    answers: list[RedisInfo | RedisUnavailableError] = []

    def ask() -> None:
        try:
            answers.append(redis_info(redis.url, 2))
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
        redis_info("redis://:hunter2@127.0.0.1:1/0", 5)


def test_servers_are_found_in_caches_and_in_redis_url() -> None:
    redis = "django.core.cache.backends.redis.RedisCache"
    caches = {
        "default": {"BACKEND": redis, "LOCATION": "redis://a/0"},
        "many": {"BACKEND": redis, "LOCATION": ["redis://b/0", "redis://c/0"]},
        "other": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://d/0"},
        "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "x"},
    }
    with override_settings(CACHES=caches, MONITORING={"REDIS_URL": "redis://a/0"}):
        servers = {"default": "redis://a/0", "many": "redis://b/0", "other": "redis://d/0"}
        assert redis_urls() == servers
    with override_settings(CACHES={}, MONITORING={"REDIS_URL": "redis://e/0"}):
        assert redis_urls() == {"REDIS_URL": "redis://e/0"}
