"""Alertmanager's messages become notifications, once each; other bodies are refused whole."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone

from monitoring.alerts.alertmanager import (
    MAX_ALERTS,
    InvalidWebhookError,
    parse_webhook,
    receive_alerts,
)
from monitoring.alerts.threshold_alerts import Observation, update_threshold_alert
from monitoring.alerts.thresholds import change_thresholds
from monitoring.models import AlertEvent, AlertNotification
from tests.unit.alerts.webhook_messages import MESSAGE, message


def deliver(body: object) -> int:
    return receive_alerts(parse_webhook(body))


def test_an_alert_is_told_to_every_admin(admins: list[User]) -> None:
    assert deliver(MESSAGE) == 1
    event = AlertEvent.objects.get()
    assert (event.name, event.severity, event.source) == ("HighLatency", "critical", "alertmanager")
    assert (event.summary, event.starts_at.year) == ("p99 is 4 s", 2026)
    assert AlertNotification.objects.count() == 2


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "Critical"}, "critical"),
        ({"severity": "page"}, "critical"),
        ({"severity": "warning"}, "warning"),
        ({"severity": "info"}, "info"),
        ({"severity": "none"}, "info"),
        ({"severity": "P1"}, "warning"),
        ({}, "warning"),
    ],
)
def test_a_severity_that_is_none_of_ours_is_a_warning(
    labels: dict[str, str], severity: str, admins: list[User]
) -> None:
    deliver(message(labels={"alertname": "HighLatency", **labels}))
    assert AlertEvent.objects.get().severity == severity


def test_a_repeated_message_tells_nothing_new(admins: list[User]) -> None:
    assert [deliver(MESSAGE) for _ in range(3)] == [1, 0, 0]


def test_resolved_and_firing_again_are_new(admins: list[User]) -> None:
    resolved = message(status="resolved", endsAt="2026-11-23T21:00:00Z")
    again = message(startsAt="2026-11-23T22:00:00+01:00")
    assert [deliver(body) for body in (MESSAGE, resolved, again, resolved)] == [1, 1, 1, 0]
    assert AlertEvent.objects.get(status="resolved").ends_at is not None


def test_a_threshold_alert_is_told_once_whoever_sees_it(admins: list[User]) -> None:
    by_rule = message(labels={"alertname": "ErrorRate", "threshold": "error_rate"})
    over = message(
        labels=by_rule["alerts"][0]["labels"], status="resolved", endsAt="2026-11-23T21:00:00Z"
    )
    seen = Observation("error_rate", True, 50.0, 10.0, 300.0)
    gone = Observation("error_rate", False, 0.0, 10.0, 300.0)
    update_threshold_alert(seen, AlertEvent.Source.CELERY, timezone.now())
    assert deliver(by_rule) == 0
    assert deliver(over) == 0  # the task saw it first, and says when it is over
    update_threshold_alert(gone, AlertEvent.Source.CELERY, timezone.now())
    assert deliver(over) == 0
    assert list(AlertEvent.objects.values_list("status", flat=True)) == ["firing", "resolved"]


def by_rule(status: str, started: str, ended: str = "") -> dict[str, Any]:
    labels = {"alertname": "ErrorRate", "threshold": "error_rate"}
    return message(status=status, labels=labels, startsAt=started, endsAt=ended)


def test_messages_about_a_threshold_that_come_late_or_again_change_nothing(
    admins: list[User],
) -> None:
    first = by_rule("firing", "2026-11-23T20:00:00Z")
    over = by_rule("resolved", "2026-11-23T20:00:00Z", "2026-11-23T20:10:00Z")
    second = by_rule("firing", "2026-11-23T20:30:00Z")
    second_over = by_rule("resolved", "2026-11-23T20:30:00Z", "2026-11-23T20:50:00Z")
    with override_settings(MONITORING={"ALERT_COOLDOWN_SECONDS": 0.000001}):
        in_turn = (first, first, over, over, first, second, over, first, second_over, second, first)
        assert [deliver(body) for body in in_turn] == [1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]
    told = AlertEvent.objects.order_by("pk").values_list("status", "starts_at__minute")
    assert list(told) == [("firing", 0), ("resolved", 0), ("firing", 30), ("resolved", 30)]
    ended = AlertEvent.objects.order_by("pk")[1].ends_at
    assert ended == datetime(2026, 11, 23, 20, 10, tzinfo=UTC)


def test_a_rule_that_still_fires_when_the_task_says_it_is_over_is_not_told_again(
    admins: list[User],
) -> None:
    """It keeps firing for some minutes; and Alertmanager repeats it."""
    seen = Observation("error_rate", True, 50.0, 10.0, 300.0)
    gone = Observation("error_rate", False, 0.0, 10.0, 300.0)
    with override_settings(MONITORING={"ALERT_COOLDOWN_SECONDS": 0.000001}):
        update_threshold_alert(seen, AlertEvent.Source.CELERY, timezone.now())
        rule = by_rule("firing", timezone.now().isoformat())
        assert deliver(rule) == 0
        update_threshold_alert(gone, AlertEvent.Source.CELERY, timezone.now())
        assert deliver(rule) == 0
        later = by_rule("firing", timezone.now().isoformat())
        assert deliver(later) == 1


def test_a_rule_that_ends_with_its_threshold_says_who_switched_it_off(admins: list[User]) -> None:
    """A threshold that is off has no series, so the rule's alert is resolved."""
    started = timezone.now().isoformat()
    assert deliver(by_rule("firing", started)) == 1
    change_thresholds({"error_rate": None}, admins[0])
    assert deliver(by_rule("resolved", started, timezone.now().isoformat())) == 1
    assert AlertEvent.objects.latest("pk").summary.endswith("was switched off by anna")


def test_a_clock_that_is_ahead_does_not_keep_an_alert_from_ending(admins: list[User]) -> None:
    with override_settings(MONITORING={"ALERT_COOLDOWN_SECONDS": 0.000001}):
        assert deliver(by_rule("firing", "2126-11-23T20:00:00Z")) == 1
        over = by_rule("resolved", "2126-11-23T20:00:00Z", "2126-11-23T20:10:00Z")
        assert deliver(over) == 1


@override_settings(USE_TZ=False)
def test_a_site_without_time_zones_takes_messages(admins: list[User]) -> None:
    assert deliver(MESSAGE) == 1
    assert deliver(by_rule("firing", "2026-11-23T20:00:00Z")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({}, "version"),
        ({"version": "3", "alerts": []}, "version"),
        ({"version": "4"}, "alerts"),
        ({"version": "4", "alerts": {}}, "alerts"),
        ({"version": "4", "alerts": [{}] * (MAX_ALERTS + 1)}, "alerts"),
        ({"version": "4", "alerts": [7]}, "alerts[0]"),
        (message(status="pending"), "alerts[0].status"),
        (message(status=None), "alerts[0].status"),
        (message(fingerprint=""), "alerts[0].fingerprint"),
        (message(fingerprint=7), "alerts[0].fingerprint"),
        (message(startsAt="yesterday"), "alerts[0].startsAt"),
        (message(startsAt="2026-11-23T20:00:00"), "alerts[0].startsAt"),
        (message(startsAt="2026-13-99T20:00:00Z"), "alerts[0].startsAt"),
        (message(status="resolved", endsAt=None), "alerts[0].endsAt"),
        (message(labels={"severity": 7}), "alerts[0].labels"),
        (message(labels={"alertname": "a\0b"}), "alerts[0].labels"),
        (message(annotations=[]), "alerts[0].annotations"),
    ],
)
def test_what_is_no_webhook_is_refused_by_field(body: object, field: str) -> None:
    with pytest.raises(InvalidWebhookError) as caught:
        parse_webhook(body)
    assert caught.value.field == field
