"""Database models: thresholds, states of alerts, and notifications with their delivery."""

from typing import Any

from django.conf import settings
from django.db import models, router

__all__ = ["AlertEvent", "AlertNotification", "Threshold", "ThresholdChange"]


def own_alias() -> str:
    """The database that the project's router gives for our models."""
    return router.db_for_write(AlertState)


class _WhereWritten(models.Manager[Any]):
    """Reads where it writes: a replica that is behind would tell an alert twice."""

    def get_queryset(self) -> models.QuerySet[Any]:
        found = super().get_queryset()
        return found if self._db is not None else found.using(own_alias())


def _user(**options: Any) -> Any:
    """A reference to a user, who may live in another database than our tables.

    A constraint and the database's own cascade end there: `monitoring.alerts.events` follows a
    user's end.
    """
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        **options,
    )


class Threshold(models.Model):
    """The value of one threshold. A missing row means its default."""

    objects = _WhereWritten()

    name = models.CharField(max_length=64, primary_key=True)
    value = models.FloatField(null=True, blank=True, help_text="Empty: the threshold is off.")

    def __str__(self) -> str:
        return f"{self.name} = {'off' if self.value is None else f'{self.value:g}'}"


class ThresholdChange(models.Model):
    """Who changed a threshold, from what to what, and when."""

    name = models.CharField(max_length=64)
    old_value = models.FloatField(null=True)
    new_value = models.FloatField(null=True)
    changed_by = _user(null=True)
    changed_at = models.DateTimeField()

    objects = _WhereWritten()

    class Meta:
        ordering = ("-changed_at", "-pk")

    def __str__(self) -> str:
        return f"{self.name}: {self.old_value} to {self.new_value}"


class AlertState(models.Model):
    """Whether an alert fires now. Each transition is one conditional UPDATE of its row."""

    name = models.CharField(max_length=255, primary_key=True)
    is_firing = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)
    # The end of the last firing: a message about an earlier time is late, and ignored.
    ended_at = models.DateTimeField(null=True)
    # The source that saw it begin to fire. Only this source resolves it, unless it falls silent.
    source = models.CharField(max_length=12, blank=True)
    seen_at = models.DateTimeField(null=True)
    # `since` of the firing that admins were told of; null while the cooldown holds it back.
    notified_since = models.DateTimeField(null=True)
    last_notified_at = models.DateTimeField(null=True)

    objects = _WhereWritten()

    def __str__(self) -> str:
        return f"{self.name}: {'firing' if self.is_firing else 'resolved'}"


class AlertEvaluation(models.Model):
    """A single row: the last evaluation of alerts, and until when a run has claimed the next."""

    last_started_at = models.DateTimeField(null=True)
    # The end of the last window that was evaluated to its end: a run that was killed has none.
    covered_until = models.DateTimeField(null=True)
    running_until = models.DateTimeField(null=True)

    objects = _WhereWritten()

    def __str__(self) -> str:
        return f"last evaluation: {self.last_started_at}"


class AlertEvent(models.Model):
    """An alert that began to fire or was resolved. `key` prevents duplicates."""

    class Severity(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        CRITICAL = "critical"

    class Status(models.TextChoices):
        FIRING = "firing"
        RESOLVED = "resolved"

    class Source(models.TextChoices):
        CELERY = "celery"
        ALERTMANAGER = "alertmanager"

    key = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=8, choices=Status)
    severity = models.CharField(max_length=8, choices=Severity)
    source = models.CharField(max_length=12, choices=Source)
    summary = models.CharField(max_length=500, blank=True)
    value = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    window_seconds = models.FloatField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_index=True)

    objects = _WhereWritten()

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


class AlertNotification(models.Model):
    """An alert event for one admin, read or unread."""

    event = models.ForeignKey(AlertEvent, models.CASCADE, related_name="notifications")
    user = _user()
    is_read = models.BooleanField(default=False)

    objects = _WhereWritten()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("event", "user"), name="multiprocess_exporter_one_per_admin"
            ),
        )
        ordering = ("-event__created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.event} for {self.user}"


class AlertDelivery(models.Model):
    """An outbox entry: one event for one recipient by one channel, retried until it is sent."""

    class Channel(models.TextChoices):
        EMAIL = "email"
        HOOK = "hook"

    class Status(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        GIVEN_UP = "given up"

    event = models.ForeignKey(AlertEvent, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=5, choices=Channel)
    recipient = models.CharField(max_length=254, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_index=True)

    objects = _WhereWritten()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("event", "channel", "recipient"), name="multiprocess_exporter_one_delivery"
            ),
        )

    def __str__(self) -> str:
        return f"{self.event} by {self.channel}: {self.status}"
