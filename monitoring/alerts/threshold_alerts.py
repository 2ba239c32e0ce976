"""An alert about a threshold: one state and one event, whichever source saw it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from monitoring.alerts.events import NewEvent, record
from monitoring.alerts.states import Outcome, Sighting, observe
from monitoring.alerts.thresholds import DEFINITIONS
from monitoring.conf import get_settings
from monitoring.models import AlertEvent, AlertState

_TOLD = {Outcome.FIRED: AlertEvent.Status.FIRING, Outcome.RESOLVED: AlertEvent.Status.RESOLVED}


@dataclass(frozen=True, slots=True)
class Observation:
    """A figure compared with its threshold."""

    name: str
    is_breached: bool
    value: float | None = None
    threshold: float | None = None
    window_seconds: float | None = None


def note(
    seen: Observation, source: AlertEvent.Source, now: datetime, at: datetime | None = None
) -> Outcome:
    """Change the alert's state and tell the admins if there is something to tell.

    `at` is when it began or ended, for a source that knows; never after `now`.
    """
    cooldown = timedelta(seconds=get_settings().ALERT_COOLDOWN_SECONDS)
    at = now if at is None else min(at, now)
    # Before the transaction, which then begins with an UPDATE: one that begins with a SELECT
    # cannot wait for SQLite's write lock, it fails.
    AlertState.objects.get_or_create(name=seen.name)
    with transaction.atomic():
        sighting = Sighting(seen.name, seen.is_breached, source, at)
        outcome, since = observe(sighting, now, cooldown)
        status = _TOLD.get(outcome)
        if status is not None:
            record(
                NewEvent(
                    key=f"threshold:{seen.name}:{since.isoformat()}:{status}",
                    name=seen.name,
                    status=status,
                    severity=AlertEvent.Severity(DEFINITIONS[seen.name].severity),
                    source=source,
                    starts_at=since,
                    ends_at=at if status is AlertEvent.Status.RESOLVED else None,
                    summary=_summary(seen, status),
                    value=seen.value,
                    threshold=seen.threshold,
                    window_seconds=seen.window_seconds,
                )
            )
    return outcome


def _summary(seen: Observation, status: AlertEvent.Status) -> str:
    unit = DEFINITIONS[seen.name].unit
    if status is AlertEvent.Status.RESOLVED:
        return f"{seen.name} is below its threshold again"
    if seen.value is None or seen.threshold is None:
        return f"{seen.name} is above its threshold"
    return f"{seen.name} is {seen.value:g} {unit}, above its threshold of {seen.threshold:g}"
