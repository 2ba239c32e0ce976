"""The thresholds in the database: their current values and changes."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from monitoring.alerts.definitions import DEFINITIONS, check_thresholds
from monitoring.models import Threshold, ThresholdChange, own_alias


def current_thresholds() -> dict[str, float | None]:
    """Every threshold as stored in the database now; None if it is off."""
    stored = dict(Threshold.objects.values_list("name", "value"))
    return {name: stored.get(name, definition.default) for name, definition in DEFINITIONS.items()}


def change_thresholds(given: object, user: Any) -> dict[str, float | None]:
    """Set all given thresholds or none, and record who did it; returns every threshold.

    Raises InvalidThresholdsError for an unknown name or a value that is not allowed.
    """
    wanted = check_thresholds(given)
    store_defaults()
    with transaction.atomic(using=own_alias()):
        # Locks all rows, with SQLite too, so that simultaneous changes are serialised.
        Threshold.objects.update(value=F("value"))
        before = current_thresholds()
        now = timezone.now()
        for name, value in wanted.items():
            if before[name] != value:
                Threshold.objects.filter(name=name).update(value=value)
                ThresholdChange.objects.create(
                    name=name,
                    old_value=before[name],
                    new_value=value,
                    changed_by_id=user.pk if user is not None else None,
                    changed_at=now,
                )
    return before | wanted


def store_defaults() -> None:
    """Create the missing rows, with the defaults."""
    missing = set(DEFINITIONS) - set(Threshold.objects.values_list("name", flat=True))
    if missing:
        Threshold.objects.bulk_create(
            [Threshold(name=name, value=DEFINITIONS[name].default) for name in sorted(missing)],
            ignore_conflicts=True,
        )
