"""What is older than ALERT_RETENTION_DAYS goes."""

from datetime import timedelta

from django.utils import timezone

from monitoring.conf import get_settings
from monitoring.models import AlertEvent, ThresholdChange

_BATCH = 1000


def clean_up() -> int:
    """Delete old events with their notifications, and old threshold changes; returns the rows."""
    oldest = timezone.now() - timedelta(days=get_settings().ALERT_RETENTION_DAYS)
    deleted = ThresholdChange.objects.filter(changed_at__lt=oldest).delete()[0]
    while True:  # in batches, so that no lock is held for long
        keys = list(
            AlertEvent.objects.filter(created_at__lt=oldest).values_list("pk", flat=True)[:_BATCH]
        )
        if not keys:
            return deleted
        deleted += AlertEvent.objects.filter(pk__in=keys).delete()[0]
