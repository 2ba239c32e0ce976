"""No part of a password reaches the log, however the URL was written."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from django.test import override_settings

from monitoring.backing_services.redis_client import redis_client
from monitoring.errors import RedisUnavailableError
from monitoring.health.causes import describe

SECRETS = ["pa#ss", "pa/ss", "pa?ss", "pa#ss/wo@rd", "pa[ss", "pa]ss", "p#s"]


@pytest.fixture(params=SECRETS)
def url(request: pytest.FixtureRequest) -> str:
    """At first glance a Redis on this host; a driver reads another host, port or path."""
    return f"redis://:{request.param}@127.0.0.1:1/0"


def errors_of(url: str) -> Iterator[Exception]:
    """What redis-py and kombu say of the URL, and what a resolver says of a piece of it."""
    import redis  # noqa: PLC0415

    try:
        redis.Redis.from_url(url).ping()
    except Exception as error:
        yield error
    try:
        Celery("test", broker=url, set_as_current=False).connection_for_write().connect()
    except Exception as error:
        yield error
    yield ConnectionError("Error -2 connecting to ss:6379. Name or service not known.")


def test_an_unescaped_password_leaves_the_errors_type_only(url: str) -> None:
    cases: tuple[dict[str, Any], ...] = (
        {"CELERY_BROKER_URL": url},
        {"CACHES": {"default": {"LOCATION": url}}},
        {"CACHES": {"default": {"LOCATION": ["redis://other/0", url]}}},
        {"CACHES": {"default": {"LOCATION": f"redis://other/0,{url}"}}},
    )
    for settings in cases:
        with override_settings(**settings):
            for error in errors_of(url):
                text = describe(error)
                assert text.startswith(f"{type(error).__name__} (a URL's password has signs")
                assert "ss" not in text.replace("password", "").replace("must", "")


# The setting refuses the URLs above; these have a host and a port, though not those that are meant.
@pytest.mark.parametrize("url", ["redis://:p@ss#x@127.0.0.1/0", "redis://me:12#ss@127.0.0.1/0"])
def test_an_accepted_redis_url_that_breaks_its_password_is_no_exception(url: str) -> None:
    with override_settings(MONITORING={"REDIS_URL": url}):
        for error in errors_of(url):
            text = describe(error)
            assert text.startswith(f"{type(error).__name__} (a URL's password has signs")
            assert not any(piece in text for piece in ("ss:", "me:", "12", "#"))


def test_an_escaped_password_leaves_the_text_without_it() -> None:
    for url in ("redis://:pa%23ss@cache:6379/0", "redis://user:pa@ss@cache/0?client_name=shop"):
        with override_settings(MONITORING={"REDIS_URL": url}, CELERY_BROKER_URL=url):
            text = describe(ConnectionError(f"connecting to cache:6379: {url}, pa#ss, pa@ss"))
            assert text.startswith("ConnectionError: connecting to cache:6379: ")
            assert "pa%23ss@" not in text
            assert "user:" not in text


def test_passwords_in_the_options_of_a_cache_are_removed() -> None:
    caches = {"default": {"LOCATION": "redis://cache/0", "OPTIONS": {"PASSWORD": "hunter2"}}}
    with override_settings(CACHES=caches):
        assert describe(OSError("AUTH hunter2 failed")) == "OSError: AUTH … failed"


def test_a_client_with_an_unescaped_password_says_only_the_errors_type() -> None:
    with pytest.raises(RedisUnavailableError, match=r"^ValueError$"):
        redis_client("redis://:pa#ss@127.0.0.1:1/0", 0.1).ping()
