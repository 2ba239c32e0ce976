"""Updates the alert of a threshold, with one state for all sources, and creates its event."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from monitoring.alerts.definitions import DEFINITIONS
from monitoring.alerts.events import NewEvent, create_event
from monitoring.alerts.states import AlertOutcome, Sighting, apply_sighting
from monitoring.conf import get_settings
from monitoring.models import AlertEvent, AlertState, own_alias

_TOLD = {
    AlertOutcome.FIRED: AlertEvent.Status.FIRING,
    AlertOutcome.RESOLVED: AlertEvent.Status.RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """A figure compared with its threshold."""

    name: str
    is_breached: bool
    value: float | None = None
    threshold: float | None = None
    window_seconds: float | None = None


def update_threshold_alert(
    observation: Observation, source: AlertEvent.Source, now: datetime, at: datetime | None = None
) -> AlertOutcome:
    """Change the alert's state, and create an event if it began to fire or was resolved.

    `at` is the time of that change (default: `now`); a later time than `now` counts as `now`.
    """
    cooldown = timedelta(seconds=get_settings().ALERT_COOLDOWN_SECONDS)
    at = now if at is None else min(at, now)
    # Outside the transaction, which so begins with an UPDATE: a transaction that begins with a
    # SELECT cannot wait for SQLite's write lock, it fails.
    AlertState.objects.get_or_create(name=observation.name)
    with transaction.atomic(using=own_alias()):
        sighting = Sighting(observation.name, observation.is_breached, source, at)
        outcome, since = apply_sighting(sighting, now, cooldown)
        status = _TOLD.get(outcome)
        if status is not None:
            create_event(
                NewEvent(
                    key=f"threshold:{observation.name}:{since.isoformat()}:{status}",
                    name=observation.name,
                    status=status,
                    severity=AlertEvent.Severity(DEFINITIONS[observation.name].severity),
                    source=source,
                    starts_at=since,
                    ends_at=at if status is AlertEvent.Status.RESOLVED else None,
                    summary=_summary(observation, status),
                    value=observation.value,
                    threshold=observation.threshold,
                    window_seconds=observation.window_seconds,
                )
            )
    return outcome


def _summary(observation: Observation, status: AlertEvent.Status) -> str:
    name, value, threshold = observation.name, observation.value, observation.threshold
    if status is AlertEvent.Status.RESOLVED:
        return f"{name} is below its threshold again"
    if value is None or threshold is None:
        return f"{name} is above its threshold"
    unit = DEFINITIONS[name].unit
    return f"{name} is {value:g} {unit}, above its threshold of {threshold:g}"
