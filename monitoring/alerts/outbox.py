"""Sends the entries of the outbox, and retries each one until it is sent or a day old.

An entry is leased before an attempt, so that a process that dies or a server that hangs delays only
this entry. Delivery is at least once: an entry is sent again if the server accepted it but its
confirmation was lost.
"""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from functools import partial
from inspect import isawaitable
from time import monotonic
from typing import Any

from asgiref.sync import async_to_sync
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend as SMTPBackend
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from monitoring.alerts.states import AHEAD
from monitoring.backing_services.celery_broker import broker_connection, by_deadline, celery_app
from monitoring.conf import get_settings
from monitoring.models import AlertDelivery, AlertEvent
from monitoring.primitives.deadline import Runs, cut
from monitoring.primitives.own_logger import OwnLogger
from monitoring.primitives.per_process import per_process

_BATCH = 100
_LEASE = timedelta(minutes=2)
_LONGEST_PAUSE = timedelta(hours=1)
_GIVE_UP_AFTER = timedelta(days=1)
_BROKER_SECONDS = 1.0
_MAIL_SECONDS = 10.0
_CHANNEL_SECONDS = 30.0  # for one channel in a run, so that the other one gets its turn

DELIVER = "monitoring.deliver_alerts"

logger = OwnLogger("monitoring.alerts")


def deliver_soon() -> None:
    """Ask a Celery worker to deliver. Without a broker, the next scheduled run delivers.

    May take a second: call it after the transaction, once for all events of a message.
    """
    settings = get_settings()
    if not (settings.ALERT_EMAIL or settings.ALERT_HOOK):
        return
    try:
        app = celery_app()
        if app is None:
            return
        by_deadline("deliver", lambda: _order_delivery(app), _BROKER_SECONDS)
    except Exception as error:
        logger.info("delivery is left to the next scheduled run: %s", type(error).__name__)


def _order_delivery(app: Any) -> None:
    with broker_connection(app, _BROKER_SECONDS) as connection:
        app.send_task(DELIVER, connection=connection, retry=False, ignore_result=True)


def deliver_due() -> int:
    """Try the due entries, oldest first, for 30 s per channel; returns how many were sent."""
    return sum(_deliver_by(channel) for channel in AlertDelivery.Channel)


def _deliver_by(channel: AlertDelivery.Channel) -> int:
    late = monotonic() + _CHANNEL_SECONDS
    due = _due(timezone.now()).filter(channel=channel).order_by("next_attempt_at", "pk")
    pks = list(due.values_list("pk", flat=True)[:_BATCH])
    return sum(_try(pk) for pk in pks if monotonic() < late)


def _due(now: datetime) -> QuerySet[AlertDelivery]:
    """What may be tried now. No pause is so long as one that a clock that was ahead has written."""
    is_wrong = Q(next_attempt_at__gt=now + _LONGEST_PAUSE + AHEAD)
    pending = AlertDelivery.objects.filter(status=AlertDelivery.Status.PENDING)
    return pending.filter(is_wrong | Q(next_attempt_at__lte=now))


def _try(pk: int) -> bool:
    now = timezone.now()
    entry = _due(now).filter(pk=pk)
    if not entry.update(next_attempt_at=now + _LEASE):
        return False  # another process has it
    delivery = AlertDelivery.objects.select_related("event").get(pk=pk)
    try:
        _send(delivery)
    except Exception as error:  # of a mail server or a hook: retried later
        logger.warning("alert delivery by %s failed: %s", delivery.channel, type(error).__name__)
        attempts = delivery.attempts + 1
        is_over = now - delivery.event.created_at > _GIVE_UP_AFTER
        pause = min(timedelta(seconds=30) * 2 ** min(attempts, 10), _LONGEST_PAUSE)
        AlertDelivery.objects.filter(pk=pk).update(
            attempts=attempts,
            next_attempt_at=now + pause,
            status=AlertDelivery.Status.GIVEN_UP if is_over else AlertDelivery.Status.PENDING,
        )
        return False
    AlertDelivery.objects.filter(pk=pk).update(
        status=AlertDelivery.Status.SENT, attempts=delivery.attempts + 1
    )
    return True


def _send(delivery: AlertDelivery) -> None:
    if delivery.channel == AlertDelivery.Channel.EMAIL:
        event = delivery.event
        connection = _mail_connection()
        if (
            getattr(connection, "timeout", 0.0) is None
        ):  # without EMAIL_TIMEOUT it would wait for ever
            connection.timeout = _MAIL_SECONDS
        message = EmailMessage(_subject(event), _body(event), None, [delivery.recipient])
        send = partial(connection.send_messages, [message])
        if isinstance(connection, SMTPBackend):
            seconds = max(_CHANNEL_SECONDS, connection.timeout or 0.0)
            _runs().ask(
                "mail",
                send,
                seconds,
                name="monitoring-mail",
                cancel=lambda: cut(getattr(connection.connection, "sock", None)),
            )
        else:  # perhaps one that writes to the database, on this thread's connection
            send()
    else:
        hook = get_settings().ALERT_HOOK
        if hook:
            result = import_string(hook)(delivery.event)
            if isawaitable(result):
                async_to_sync(_await)(result)


def _mail_connection() -> Any:
    """The default mailer: since Django 6.1 of MAILERS, where the project has that."""
    mailers = getattr(mail, "mailers", None)
    return mail.get_connection() if mailers is None else mailers.default


async def _await(result: Awaitable[Any]) -> None:
    await result


@per_process
def _runs() -> Runs[int]:
    return Runs()


def _subject(event: AlertEvent) -> str:
    name = " ".join(event.name.split())
    return f"[{event.status.upper()}] {name}"


def _body(event: AlertEvent) -> str:
    lines = [event.summary or event.name, "", f"Severity: {event.severity}"]
    if event.value is not None:
        lines.append(f"Value: {event.value:g}")
    if event.threshold is not None:
        lines.append(f"Threshold: {event.threshold:g}")
    if event.window_seconds is not None:
        lines.append(f"Window: {event.window_seconds:.0f} s")
    lines.append(f"Since: {event.starts_at:%Y-%m-%d %H:%M:%S %Z}")
    if event.ends_at is not None:
        lines.append(f"Until: {event.ends_at:%Y-%m-%d %H:%M:%S %Z}")
    return "\n".join(lines) + "\n"
