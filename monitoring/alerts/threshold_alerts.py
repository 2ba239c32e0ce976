"""Updates the alert of a threshold, with one state for all sources, and creates its event."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from monitoring.alerts.admins import user_model
from monitoring.alerts.definitions import DEFINITIONS
from monitoring.alerts.events import NewEvent, create_event
from monitoring.alerts.states import AlertOutcome, Sighting, apply_sighting
from monitoring.alerts.thresholds import current_thresholds
from monitoring.conf import get_settings
from monitoring.models import AlertEvent, AlertState, ThresholdChange, own_alias

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
    state, _ = AlertState.objects.get_or_create(name=observation.name)
    ending = _ending(observation, state) if state.is_firing and not observation.is_breached else ""
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
                    summary=ending or _beginning(observation),
                    value=observation.value,
                    threshold=observation.threshold,
                    window_seconds=observation.window_seconds,
                )
            )
    return outcome


def _beginning(observation: Observation) -> str:
    name, value, threshold = observation.name, observation.value, observation.threshold
    if value is None or threshold is None:
        return f"{name} is above its threshold"
    unit = DEFINITIONS[name].unit
    return f"{name} is {value:g} {unit}, above its threshold of {threshold:g}"


def _ending(observation: Observation, state: AlertState) -> str:
    """Why the alert is over: because of the figure, or because somebody changed the threshold."""
    name, value = observation.name, observation.value
    threshold = current_thresholds()[name]
    change = ThresholdChange.objects.filter(name=name).order_by("-pk").first()
    if threshold is None:
        return f"{name} is no longer watched: its threshold was switched off{_by(change)}"
    before = _threshold_of(state)
    if before is not None and before < threshold and (value is None or value > before):
        return f"{name}: its threshold was raised from {before:g} to {threshold:g}{_by(change)}"
    if value is None:
        return f"{name} is no longer above its threshold"
    figure = f"{name} is {value:g} {DEFINITIONS[name].unit}"
    if value > threshold:
        return f"{figure}, of too few requests to be judged"
    return f"{figure}, no longer above its threshold of {threshold:g}"


def _threshold_of(state: AlertState) -> float | None:
    """The threshold that the alert was above when it began to fire; None if that is not known."""
    event = AlertEvent.objects.filter(
        name=state.name, status=AlertEvent.Status.FIRING, starts_at=state.since
    ).first()
    if event is not None and event.threshold is not None:
        return event.threshold  # type: ignore[no-any-return]
    # Alertmanager does not say it: then it is that before the first change since.
    changes = ThresholdChange.objects.filter(name=state.name, changed_at__gte=state.since)
    first = changes.order_by("pk").first()
    return None if first is None else first.old_value


def _by(change: ThresholdChange | None) -> str:
    """` by …`; empty if it is not known who made the change."""
    model = user_model()
    if change is None or change.changed_by_id is None or model is None:
        return ""
    try:
        user = model._default_manager.filter(pk=change.changed_by_id).first()
    except DatabaseError:  # users may live in another database
        return ""
    return "" if user is None else f" by {str(user)[:150]}"
