"""A byte now and then starts a socket's timeout anew, and holds nobody beyond the deadline."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.test import override_settings

from monitoring.alerts import outbox
from monitoring.alerts.events import NewEvent, create_event
from monitoring.backing_services.celery_broker import queue_lengths
from monitoring.backing_services.redis_client import RedisStore, redis_client
from monitoring.backing_services.redis_info import RedisServer, redis_info
from monitoring.conf import parse_settings
from monitoring.errors import RedisUnavailableError
from monitoring.figures.prometheus_http import PrometheusClient
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.models import AlertDelivery, AlertEvent
from tests.servers.drips import Drips, dripping
from tests.servers.ports import wait_for

# The servers drip for ever: without a deadline of its own, each of these tests never ends.
pytestmark = pytest.mark.timeout(60)

app = Celery("drips", set_as_current=False)


def has_ended(thread_name: str) -> bool:
    return all(thread.name != thread_name for thread in threading.enumerate())


@pytest.fixture
def redis() -> Iterator[Drips]:
    with dripping(b"+") as server:
        yield server


def test_a_dripping_redis_is_left_at_the_deadline_and_its_thread_ends(redis: Drips) -> None:
    store = RedisStore(f"redis://127.0.0.1:{redis.port}/0", 0.1)
    with pytest.raises(RedisUnavailableError, match=r"^Redis: TimeoutError$"):
        store.run(lambda client: client.ping())
    wait_for("the end of the thread", lambda: has_ended("monitoring-redis-store"))


def test_a_dripping_redis_of_a_cache_is_left_at_the_deadline_and_its_thread_ends(
    redis: Drips,
) -> None:
    url = f"redis://127.0.0.1:{redis.port}/0"
    with pytest.raises(RedisUnavailableError, match="no answer within"):
        redis_info(RedisServer("cache", partial(redis_client, url)), 0.3)
    wait_for("the end of the thread", lambda: has_ended("monitoring-redis"))


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["head", "body", "body without end"],
)
def test_a_dripping_prometheus_is_left_at_the_deadline_and_its_thread_ends(start: bytes) -> None:
    with dripping(start) as server:
        settings, problems = parse_settings(
            {"PROMETHEUS_URL": f"http://127.0.0.1:{server.port}", "PROMETHEUS_TIMEOUT_MS": 300}
        )
        assert not problems
        with PrometheusClient(settings) as client, pytest.raises(SourceUnavailableError) as caught:
            client.query("up")
        assert caught.value.code == "timeout"
        wait_for("the end of the thread", lambda: has_ended("monitoring-prometheus"))


def test_a_dripping_broker_is_left_at_the_deadline(redis: Drips) -> None:
    app.conf.broker_url = f"redis://127.0.0.1:{redis.port}/0"
    with override_settings(MONITORING={"CELERY_APP": f"{__name__}.app"}):
        assert queue_lengths(0.3) == {}


def test_a_dripping_broker_does_not_hold_who_reports_an_alert(redis: Drips) -> None:
    app.conf.broker_url = f"redis://127.0.0.1:{redis.port}/0"
    with override_settings(MONITORING={"CELERY_APP": f"{__name__}.app", "ALERT_EMAIL": True}):
        outbox.deliver_soon()


def test_a_dripping_mail_server_holds_one_delivery_until_its_deadline(
    admins: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_CHANNEL_SECONDS", 0.5)
    with (
        dripping(b"220 ") as server,
        override_settings(
            MONITORING={"ALERT_EMAIL": True},
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=server.port,
            EMAIL_TIMEOUT=0.3,
        ),
    ):
        create_event(
            NewEvent(
                "k",
                "error_rate",
                AlertEvent.Status.FIRING,
                AlertEvent.Severity.CRITICAL,
                AlertEvent.Source.CELERY,
                datetime.now(UTC),
            )
        )
        assert outbox.deliver_due() == 0
    assert {delivery.status for delivery in AlertDelivery.objects.all()} == {
        AlertDelivery.Status.PENDING
    }
