"""Turns messages of Alertmanager's webhook, version 4, into alert events.

An alert whose `threshold` label names one of our thresholds shares its state with our own
evaluation, so that admins are told once. For other alerts, admins are told once for each
fingerprint, start time and status, however often Alertmanager repeats it.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from monitoring.alerts.definitions import DEFINITIONS
from monitoring.alerts.events import NewEvent, create_event
from monitoring.alerts.outbox import deliver_soon
from monitoring.alerts.states import AlertOutcome
from monitoring.alerts.threshold_alerts import Observation, update_threshold_alert
from monitoring.models import AlertEvent, own_alias

MAX_BODY_BYTES = 1024 * 1024
MAX_ALERTS = 1000

_SEVERITIES = {
    "critical": AlertEvent.Severity.CRITICAL,
    "page": AlertEvent.Severity.CRITICAL,
    "info": AlertEvent.Severity.INFO,
    "none": AlertEvent.Severity.INFO,
}


class InvalidWebhookError(Exception):
    """The body is not a webhook message of version 4. Names the field; nothing was stored."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class WebhookAlert:
    """One alert of the message."""

    fingerprint: str
    status: AlertEvent.Status
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None


def parse_webhook(message: object) -> list[WebhookAlert]:
    """The alerts of a decoded JSON body. Raises InvalidWebhookError."""
    if not isinstance(message, dict):
        raise InvalidWebhookError("body", "an object is needed")
    if message.get("version") != "4":
        raise InvalidWebhookError("version", 'allowed is "4"')
    alerts = message.get("alerts")
    if not isinstance(alerts, list) or len(alerts) > MAX_ALERTS:
        raise InvalidWebhookError("alerts", f"a list of at most {MAX_ALERTS} alerts is needed")
    return [_parse_alert(item, f"alerts[{number}]") for number, item in enumerate(alerts)]


def receive_alerts(alerts: list[WebhookAlert]) -> int:
    """Create events and notifications for what is new; returns the number of new events."""
    now = timezone.now()
    new = sum(_receive_one(alert, now) for alert in alerts)
    if new:
        transaction.on_commit(deliver_soon, using=own_alias())
    return new


def _receive_one(alert: WebhookAlert, now: datetime) -> bool:
    name = alert.labels.get("threshold", "")
    if name in DEFINITIONS:
        is_firing = alert.status is AlertEvent.Status.FIRING
        outcome = update_threshold_alert(
            Observation(name, is_firing),
            AlertEvent.Source.ALERTMANAGER,
            now,
            alert.starts_at if is_firing else alert.ends_at,
        )
        return outcome in (AlertOutcome.FIRED, AlertOutcome.RESOLVED)
    severity = alert.labels.get("severity", "").lower()
    title = " ".join(alert.labels.get("alertname", "").split()) or "alert"
    text = alert.annotations.get("summary") or alert.annotations.get("description") or title
    started = alert.starts_at.isoformat()
    identity = hashlib.sha256(f"{alert.fingerprint}\0{started}".encode()).hexdigest()
    return create_event(
        NewEvent(
            key=f"alertmanager:{identity}:{alert.status}",
            name=title[:255],
            status=alert.status,
            severity=_SEVERITIES.get(severity, AlertEvent.Severity.WARNING),
            source=AlertEvent.Source.ALERTMANAGER,
            starts_at=alert.starts_at,
            ends_at=alert.ends_at,
            summary=text[:500],
        )
    )


def _parse_alert(item: object, where: str) -> WebhookAlert:
    if not isinstance(item, dict):
        raise InvalidWebhookError(where, "an object is needed")
    try:
        status = AlertEvent.Status(str(item.get("status")))
    except ValueError:
        raise InvalidWebhookError(f"{where}.status", "allowed are firing and resolved") from None
    fingerprint = item.get("fingerprint")
    if not _is_text(fingerprint) or not 0 < len(fingerprint) <= 200:
        raise InvalidWebhookError(f"{where}.fingerprint", "1 to 200 characters are needed")
    starts_at = _moment(item.get("startsAt"), f"{where}.startsAt")
    resolved = status is AlertEvent.Status.RESOLVED
    return WebhookAlert(
        fingerprint,
        status,
        _texts(item.get("labels", {}), f"{where}.labels"),
        _texts(item.get("annotations", {}), f"{where}.annotations"),
        starts_at,
        _moment(item.get("endsAt"), f"{where}.endsAt") if resolved else None,
    )


def _texts(value: Any, where: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(map(_is_text, value.values())):
        raise InvalidWebhookError(where, "an object of strings is needed")
    return value


def _is_text(value: object) -> TypeGuard[str]:
    """Whether every database can store the value: a string without NUL and lone surrogates."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _moment(value: object, where: str) -> datetime:
    moment = None
    if isinstance(value, str) and len(value) <= 64:
        try:
            moment = parse_datetime(value)
        except ValueError:
            moment = None
    # Every database and time zone can represent these years.
    if moment is None or timezone.is_naive(moment) or not 1970 < moment.year < 9999:
        raise InvalidWebhookError(where, "an RFC 3339 time is needed")
    return moment.astimezone(UTC) if django_settings.USE_TZ else timezone.make_naive(moment)
