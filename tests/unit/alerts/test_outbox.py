"""Each delivery is tried on its own until it is sent; none is sent twice."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.test import override_settings

from monitoring.alerts.events import NewEvent, create_event
from monitoring.alerts.outbox import deliver_due
from monitoring.models import AlertDelivery, AlertEvent, AlertNotification

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOOKED: list[AlertEvent] = []


def hook(event: AlertEvent) -> None:
    HOOKED.append(event)


async def async_hook(event: AlertEvent) -> None:
    await asyncio.sleep(0)
    hook(event)


def broken_hook(event: AlertEvent) -> None:
    raise ConnectionError("pager.internal is down")


class NoMailForBen(EmailBackend):
    """A mail server that refuses one recipient."""

    def send_messages(self, messages: Any) -> int:
        if any("ben@example.org" in message.to for message in messages):
            raise OSError("refused")
        return super().send_messages(messages)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    now = [NOW]
    monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
    HOOKED.clear()
    return now


def event(key: str = "k") -> NewEvent:
    return NewEvent(
        key,
        "error_rate\nBcc: everybody@example.org",
        AlertEvent.Status.FIRING,
        AlertEvent.Severity.CRITICAL,
        AlertEvent.Source.CELERY,
        NOW,
        value=50.0,
        threshold=10.0,
        window_seconds=300.0,
    )


def settings(**extra: object) -> Any:
    return override_settings(MONITORING={"ALERT_EMAIL": True, **extra})


def test_an_event_is_recorded_once_however_often_it_is_told(
    clock: list[datetime], admins: list[User]
) -> None:
    with settings():
        assert [create_event(event()), create_event(event()), create_event(event("other"))] == [
            True,
            False,
            True,
        ]
    assert AlertNotification.objects.count() == 4
    assert AlertDelivery.objects.count() == 4


def test_mail_goes_to_every_admin_once(clock: list[datetime], admins: list[User]) -> None:
    with settings():
        create_event(event())
        assert deliver_due() == 2
        assert deliver_due() == 0
    assert sorted(message.to[0] for message in mail.outbox) == [
        "anna@example.org",
        "ben@example.org",
    ]
    assert mail.outbox[0].subject == "[FIRING] error_rate Bcc: everybody@example.org"
    assert "Value: 50\nThreshold: 10\nWindow: 300 s" in mail.outbox[0].body


def test_without_the_setting_no_mail_is_sent(clock: list[datetime], admins: list[User]) -> None:
    with override_settings(MONITORING={}):
        create_event(event())
        assert deliver_due() == 0
    assert AlertNotification.objects.count() == 2


def test_one_that_fails_neither_blocks_nor_repeats_the_others(
    clock: list[datetime], admins: list[User]
) -> None:
    with settings(ALERT_HOOK=f"{__name__}.hook"):
        create_event(event())
        with override_settings(EMAIL_BACKEND=f"{__name__}.NoMailForBen"):
            assert deliver_due() == 2
            for _ in range(5):
                clock[0] += timedelta(minutes=10)
                assert deliver_due() == 0
        clock[0] += timedelta(hours=2)
        assert deliver_due() == 1
    assert [message.to for message in mail.outbox] == [["anna@example.org"], ["ben@example.org"]]
    assert len(HOOKED) == 1


def test_an_async_hook_is_run(clock: list[datetime], admins: list[User]) -> None:
    with settings(ALERT_EMAIL=False, ALERT_HOOK=f"{__name__}.async_hook"):
        create_event(event())
        assert deliver_due() == 1
    assert len(HOOKED) == 1


def test_a_broken_hook_delays_nothing_but_itself(clock: list[datetime], admins: list[User]) -> None:
    with settings(ALERT_HOOK=f"{__name__}.broken_hook"):
        create_event(event())
        assert deliver_due() == 2
    assert AlertDelivery.objects.get(channel="hook").status == "pending"


def test_a_mail_server_that_hangs_keeps_no_hook_waiting(
    clock: list[datetime], admins: list[User]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        host, port = silent.getsockname()
        smtp = override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST=host,
            EMAIL_PORT=port,
            EMAIL_TIMEOUT=0.2,
        )
        with settings(ALERT_HOOK=f"{__name__}.hook"), smtp:
            create_event(event())
            assert deliver_due() == 1
    assert len(HOOKED) == 1
    assert AlertDelivery.objects.filter(status="pending", attempts=1).count() == 2


class NotesTimeout(SmtpBackend):
    """How long it would wait for the server."""

    seen: ClassVar[list[float | None]] = []

    def send_messages(self, messages: Any) -> int:
        self.seen.append(self.timeout)
        return len(messages)


def mail_settings(timeout: int | None) -> list[dict[str, Any]]:
    """As every Django has them, and as Django 6.1 brings them."""
    backend = f"{__name__}.NotesTimeout"
    told: list[dict[str, Any]] = [{"EMAIL_BACKEND": backend, "EMAIL_TIMEOUT": timeout}]
    if hasattr(mail, "mailers"):
        mailer = {"BACKEND": backend, "OPTIONS": {"host": "mail", "timeout": timeout}}
        told.append({"MAILERS": {"default": mailer}})
    return told


@pytest.mark.parametrize(
    ("configured", "used"),
    [(each, used) for timeout, used in ((None, 10), (3, 3)) for each in mail_settings(timeout)],
)
def test_no_mail_server_is_waited_for_without_a_limit(
    clock: list[datetime], admins: list[User], configured: dict[str, Any], used: int
) -> None:
    with settings(), override_settings(**configured):
        create_event(event())
        NotesTimeout.seen.clear()
        assert deliver_due() == 2
    assert NotesTimeout.seen == [used, used]


def test_after_a_day_it_is_given_up(clock: list[datetime], admins: list[User]) -> None:
    with settings(ALERT_EMAIL=False, ALERT_HOOK=f"{__name__}.broken_hook"):
        create_event(event())
        for _ in range(40):
            deliver_due()
            clock[0] += timedelta(hours=1)
    delivery = AlertDelivery.objects.get()
    assert delivery.status == "given up"
    assert 20 < delivery.attempts < 40


def test_an_entry_that_somebody_is_sending_is_left_to_them(
    clock: list[datetime], admins: list[User]
) -> None:
    with settings():
        create_event(event())
        AlertDelivery.objects.update(next_attempt_at=NOW + timedelta(minutes=2))  # the lease
        assert deliver_due() == 0
        clock[0] += timedelta(minutes=2)  # they died
        assert deliver_due() == 2


def test_an_entry_of_a_host_whose_clock_was_ahead_is_sent(
    clock: list[datetime], admins: list[User]
) -> None:
    clock[0] = NOW + timedelta(days=1)
    with override_settings(MONITORING={"ALERT_HOOK": f"{__name__}.hook"}):
        create_event(event())
        clock[0] = NOW
        assert deliver_due() == 1
        assert deliver_due() == 0
    assert len(HOOKED) == 1
