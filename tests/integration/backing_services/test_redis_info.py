"""Redis is asked about itself, and no Redis is an error within the deadline."""

import signal
import time
from pathlib import Path

import pytest
from django.test import override_settings

from monitoring.backing_services.redis_info import redis_info, redis_urls
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
