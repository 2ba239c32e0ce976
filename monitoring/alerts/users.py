"""Forgets deleted users in the database of our tables, which may be another than theirs."""

from typing import Any

from django.conf import settings
from django.db import Error, transaction
from django.db.models.signals import post_delete

from monitoring.models import AlertNotification, ThresholdChange, own_alias
from monitoring.storage.self_report import report_error


def follow_users() -> None:
    post_delete.connect(
        _forget, sender=settings.AUTH_USER_MODEL, dispatch_uid="monitoring.alerts.users"
    )


def _forget(*, instance: Any, **_: Any) -> None:
    """Delete the user's notifications; changes of thresholds stay, without a name.

    Never raises: a database that is down, or has not our tables yet, keeps no user alive.
    """
    try:
        with transaction.atomic(using=own_alias()):
            AlertNotification.objects.filter(user_id=instance.pk).delete()
            ThresholdChange.objects.filter(changed_by_id=instance.pk).update(changed_by_id=None)
    except Error:
        report_error("a deleted user's notifications could not be deleted")
