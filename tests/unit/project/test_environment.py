"""The reference project's environment: empty is not set, and what is refused is named."""

import os
import socket
from pathlib import Path

import pytest

from project.environment import Address, EnvironmentVariableError, read, without_secrets


def refusal(name: str, value: str) -> str:
    with pytest.raises(EnvironmentVariableError) as refused:
        read({name: value})
    return str(refused.value)


def test_nothing_has_to_be_set() -> None:
    site = read({})
    assert (str(site.bind), str(site.exporter_bind)) == ("127.0.0.1:8000", "127.0.0.1:9464")
    assert (site.workers, site.debug, site.demo_views) == (4, False, False)
    assert site.allowed_hosts == ["localhost", "127.0.0.1", "[::1]"]
    assert site.database["ENGINE"] == "django.db.backends.sqlite3"
    assert site.redis_url == ""
    assert site.metrics_directory.is_absolute()


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_is_one_that_is_not_set(value: str) -> None:
    names = ["BIND", "EXPORTER_BIND", "WEB_CONCURRENCY", "DEBUG", "DEMO_VIEWS", "ALLOWED_HOSTS"]
    urls = ["DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"]
    assert read(dict.fromkeys(names + urls, value)) == read({})


def test_good_values_are_taken_as_they_are_meant() -> None:
    site = read(
        {
            "BIND": "[::1]:8001",
            "EXPORTER_BIND": "0.0.0.0:1",
            "WEB_CONCURRENCY": " 2 ",
            "DEBUG": "Yes",
            "ALLOWED_HOSTS": "a.example, b.example",
            "DATABASE_URL": "postgres://user:p%40ss@db.example:5433/name",
            "REDIS_URL": "rediss://:secret@cache.example:6380/1",
            "PROMETHEUS_MULTIPROC_DIR": "/dev/shm/metrics",
        }
    )
    assert site.bind == Address("BIND", "::1", 8001)
    assert str(site.bind) == "[::1]:8001"
    assert (site.exporter_bind.port, site.workers, site.debug) == (1, 2, True)
    assert site.allowed_hosts == ["a.example", "b.example"]
    assert (site.database["HOST"], site.database["PASSWORD"]) == ("db.example", "p@ss")
    assert site.redis_url == "rediss://:secret@cache.example:6380/1"
    assert site.metrics_directory == Path("/dev/shm/metrics")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("BIND", "8000", "HOST:PORT"),
        ("BIND", ":8000", "HOST:PORT"),
        ("BIND", "localhost:", "HOST:PORT"),
        ("BIND", "localhost:0", "from 1 to 65535"),
        ("BIND", "localhost:65536", "from 1 to 65535"),
        ("BIND", "localhost:٨٠", "from 1 to 65535"),
        ("BIND", "localhost:" + "9" * 5000, "from 1 to 65535"),
        ("BIND", "[localhost]:8000", "HOST:PORT"),
        ("BIND", "[::1:8000", "HOST:PORT"),
        ("BIND", "::1:8001", "an IPv6 address stands in brackets: [::1]:8001"),
        ("EXPORTER_BIND", "9464", "127.0.0.1:9464"),
        ("WEB_CONCURRENCY", "abc", "a whole number from 1 to 512"),
        ("WEB_CONCURRENCY", "0", "a whole number from 1 to 512"),
        ("WEB_CONCURRENCY", "-1", "a whole number from 1 to 512"),
        ("WEB_CONCURRENCY", "2.5", "a whole number from 1 to 512"),
        ("DEBUG", "maybe", "1, true, yes, on, 0, false, no, off"),
        ("DEMO_VIEWS", "2", "1, true, yes, on, 0, false, no, off"),
        ("DATABASE_URL", "nonsense", "sqlite:////path/to/file or postgres://"),
        ("DATABASE_URL", "mongodb://", "sqlite:////path/to/file or postgres://"),
        ("REDIS_URL", "nonsense", "redis://, rediss:// or unix://"),
        ("REDIS_URL", "http://cache", "redis://, rediss:// or unix://"),
        ("REDIS_URL", "redis://cache/one", "redis://:password@host:6379/0"),
        ("PROMETHEUS_MULTIPROC_DIR", "metrics", "an absolute path"),
        ("PROMETHEUS_MULTIPROC_DIR", "~/metrics", "an absolute path"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    said = refusal(name, value)
    assert said.startswith(f"{name}={value!r}: ")
    assert allowed in said


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "unknown://user:hunter2@host/name",
        "redis//user:hunter2@host",
        "postgres://user:hunter2@[host/name",
        "postgres://user:hunter2",  # the host was forgotten: this is a port that is no number
        "redis://user:hunter2",
        "redis://host:99999/0?password=hunter2",
        "postgres://host:x/name?password=hunter2",
        "host=db password=hunter2",
        "hunter2@host",
        "redis://user:hun://ter2@host:port",
    ],
)
def test_a_password_in_a_bad_url_is_not_shown(name: str, value: str) -> None:
    said = refusal(name, value)
    assert said.startswith(f"{name}=")
    assert "hunter2" not in said
    assert "ter2@" not in said


def test_a_good_url_can_be_shown_without_its_secrets() -> None:
    assert without_secrets("redis://user:hunter2@host:6379/0?password=x") == "redis://host:6379/0"
    assert without_secrets("unix://:hunter2@/run/redis.sock") == "unix:///run/redis.sock"


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(EnvironmentVariableError, match="the host cannot be resolved") as refused:
        read({"BIND": "no-such-host.invalid:8000"}).bind.resolve()
    assert "BIND='no-such-host.invalid:8000'" in str(refused.value)
    with pytest.raises(EnvironmentVariableError, match="BIND="):
        read({"BIND": f"{'a' * 70}:8000"}).bind.resolve()


def test_a_host_is_resolved_as_gunicorn_does() -> None:
    assert read({"BIND": "localhost:80"}).bind.resolve() == (socket.AF_INET, ("127.0.0.1", 80))
    family, where = read({"BIND": "[::1]:80"}).bind.resolve()
    assert (family, where[:2]) == (socket.AF_INET6, ("::1", 80))


def test_reading_changes_nothing() -> None:
    before = dict(os.environ)
    read({"PROMETHEUS_MULTIPROC_DIR": "/dev/shm/not-made-by-reading"})
    assert dict(os.environ) == before
    assert not Path("/dev/shm/not-made-by-reading").exists()
