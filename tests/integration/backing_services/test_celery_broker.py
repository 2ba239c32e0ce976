"""What a real broker holds, and what is missing to ask it."""

import sys
from pathlib import Path

import pytest
from celery import Celery
from django.test import override_settings

from monitoring.backing_services.celery_broker import queue_lengths
from monitoring.errors import BrokerUnavailableError
from monitoring.health.findings import CheckError
from monitoring.health.own_checks import NO_BROKER, NO_DRIVER, celery_probes
from tests.servers.ports import free_port
from tests.servers.redis import run_redis

app = Celery("test_celery_broker", set_as_current=False)
OURS = {"CELERY_APP": f"{__name__}.app", "CELERY_QUEUES": ["celery", "mail", "empty"]}


@pytest.fixture(autouse=True)
def quiet() -> None:
    app.conf.task_ignore_result = True
    app.conf.broker_transport_options = {}


@pytest.mark.parametrize("prefix", ["", "shop:"])
def test_queues_are_as_long_as_the_keys_of_this_application_say(
    tmp_path: Path, prefix: str
) -> None:
    with run_redis(tmp_path) as redis, override_settings(MONITORING=OURS):
        app.conf.broker_url = redis.url
        app.conf.broker_transport_options = {"global_keyprefix": prefix} if prefix else {}
        with app.connection_for_write() as connection:
            for priority in (0, 3, 9):
                app.send_task("work", connection=connection, priority=priority)
            app.send_task("work", connection=connection, queue="mail")
        assert queue_lengths(5) == {"celery": 3, "mail": 1, "empty": 0}
        with redis.client() as client:
            client.lpush("other:celery", "a task of another application")
        assert queue_lengths(5) == {"celery": 3, "mail": 1, "empty": 0}


def test_a_broker_whose_transport_lacks_a_package_is_not_called_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.conf.broker_url = "redis://127.0.0.1:1/0"
    with override_settings(MONITORING=OURS):
        assert finding_and_cause()[0] == NO_BROKER
        # As where kombu is installed without its extra `redis`.
        monkeypatch.setattr("kombu.transport._transport_cache", {})
        monkeypatch.delitem(sys.modules, "kombu.transport.redis", raising=False)
        monkeypatch.setitem(sys.modules, "packaging", None)
        monkeypatch.setitem(sys.modules, "packaging.version", None)
        finding, cause = finding_and_cause()
        assert finding == NO_DRIVER
        assert "packaging" in cause
        with pytest.raises(ImportError, match="packaging"):
            queue_lengths(5)


def finding_and_cause() -> tuple[object, str]:
    with pytest.raises(CheckError) as caught:
        celery_probes()["celery"](5.0, None)
    return caught.value.finding, str(caught.value.__cause__)


def test_a_broker_url_with_an_unescaped_password_is_an_error_without_it() -> None:
    app.conf.broker_url = "redis://me:pa#ss@127.0.0.1:1/0"
    with override_settings(MONITORING=OURS):
        with pytest.raises(BrokerUnavailableError) as caught:
            queue_lengths(5)
        assert str(caught.value) == "Celery's broker: ValueError"
        assert caught.value.__suppress_context__


def test_queues_of_a_broker_that_is_away_are_unknown_and_no_error() -> None:
    app.conf.broker_url = f"redis://127.0.0.1:{free_port()}/0"
    with override_settings(MONITORING=OURS):
        assert queue_lengths(5) == {}
