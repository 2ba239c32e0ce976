"""Creates alert events with their notifications and outbox entries, and deletes what has ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.db import Error, IntegrityError, transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from monitoring.alerts.admins import address, all_admins
from monitoring.alerts.unread import forget_unread
from monitoring.conf import get_settings
from monitoring.models import (
    AlertDelivery,
    AlertEvent,
    AlertNotification,
    ThresholdChange,
    own_alias,
)
from monitoring.primitives.own_logger import OwnLogger
from monitoring.storage.self_report import report_failure

_BATCH = 1000  # events deleted in one go

logger = OwnLogger("monitoring.alerts")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to create. Equal events have equal keys, whatever their source."""

    key: str
    name: str
    status: AlertEvent.Status
    severity: AlertEvent.Severity
    source: AlertEvent.Source
    starts_at: datetime
    ends_at: datetime | None = None
    summary: str = ""
    value: float | None = None
    threshold: float | None = None
    window_seconds: float | None = None


def create_event(new: NewEvent) -> bool:
    """Store the event, its outbox entries, and a notification for every admin.

    Returns False, and does nothing, if an event with this key exists.
    """
    if AlertEvent.objects.filter(key=new.key).exists():
        return False
    admins = all_admins()
    try:
        with transaction.atomic(using=own_alias()):
            # Begins with an INSERT: SQLite can wait for the write lock here, not after a SELECT.
            event = AlertEvent.objects.create(key=new.key, **_columns(new))
            AlertNotification.objects.bulk_create(
                AlertNotification(event=event, user_id=admin.pk) for admin in admins
            )
            AlertDelivery.objects.bulk_create(_deliveries(event, admins))
    except IntegrityError:
        if AlertEvent.objects.filter(key=new.key).exists():
            return False  # another process was quicker
        raise
    forget_unread()
    logger.warning("alert %s is %s", new.name, new.status.value)
    return True


def clean_up() -> int:
    """Delete what is older than ALERT_RETENTION_DAYS; returns the number of deleted rows."""
    oldest = timezone.now() - timedelta(days=get_settings().ALERT_RETENTION_DAYS)
    deleted = ThresholdChange.objects.filter(changed_at__lt=oldest).delete()[0]
    while True:  # in batches, so that no lock is held for long
        keys = list(
            AlertEvent.objects.filter(created_at__lt=oldest).values_list("pk", flat=True)[:_BATCH]
        )
        if not keys:
            return deleted
        deleted += AlertEvent.objects.filter(pk__in=keys).delete()[0]


def follow_users() -> None:
    post_delete.connect(
        _forget_user,
        sender=django_settings.AUTH_USER_MODEL,
        dispatch_uid="monitoring.alerts",
    )


def _forget_user(*, instance: Any, **_: Any) -> None:
    """Delete the user's notifications; changes of thresholds stay, without a name.

    Never raises: a database that is down, or has not our tables yet, keeps no user alive.
    """
    try:
        with transaction.atomic(using=own_alias()):
            AlertNotification.objects.filter(user_id=instance.pk).delete()
            ThresholdChange.objects.filter(changed_by_id=instance.pk).update(changed_by_id=None)
    except Error:
        report_failure("a deleted user's notifications could not be deleted", Error)


def _columns(new: NewEvent) -> dict[str, Any]:
    return {
        "name": new.name,
        "status": new.status,
        "severity": new.severity,
        "source": new.source,
        "starts_at": new.starts_at,
        "ends_at": new.ends_at,
        "summary": new.summary,
        "value": new.value,
        "threshold": new.threshold,
        "window_seconds": new.window_seconds,
        "created_at": timezone.now(),
    }


def _deliveries(event: AlertEvent, admins: list[Any]) -> list[AlertDelivery]:
    settings = get_settings()
    recipients: list[tuple[AlertDelivery.Channel, str]] = []
    if settings.ALERT_EMAIL:
        addresses = {found for admin in admins if (found := address(admin))}
        recipients += [(AlertDelivery.Channel.EMAIL, found) for found in sorted(addresses)]
    if settings.ALERT_HOOK:
        recipients.append((AlertDelivery.Channel.HOOK, ""))
    now = timezone.now()
    return [
        AlertDelivery(event=event, channel=channel, recipient=recipient, next_attempt_at=now)
        for channel, recipient in recipients
    ]
