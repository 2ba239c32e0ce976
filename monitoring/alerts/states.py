"""Firing and resolved: transitions of an alert, atomic over workers and hosts.

Each step is one UPDATE whose WHERE names the state that it starts from: of any number of processes
that try the same step, the database lets one through.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from monitoring.models import AlertEvent, AlertState

# Alertmanager repeats a firing alert every few hours. A source that is silent for longer than this
# is gone, and another may say that its alert is over.
_SILENCE = timedelta(hours=24)


class AlertOutcome(enum.Enum):
    """What a sighting of an alert led to."""

    UNCHANGED = "unchanged"
    FIRED = "fired"  # admins are to be told
    HELD_BACK = "held back"  # fires, but the cooldown of its last notification is not over
    RESOLVED = "resolved"  # admins are to be told: they were told that it fires
    RESOLVED_QUIETLY = "resolved quietly"  # they were not


@dataclass(frozen=True, slots=True)
class Sighting:
    """That an alert's condition held, or did not: who says so, and since when that is so.

    `at` may lie behind: a message may come late, or a second time.
    """

    name: str
    is_breached: bool
    source: AlertEvent.Source
    at: datetime


def apply_sighting(
    sighting: Sighting, now: datetime, cooldown: timedelta
) -> tuple[AlertOutcome, datetime]:
    """Change the alert's state; returns what follows, and since when the alert fires or fired.

    The row has to exist. Call it in the transaction that records what follows, so that both happen
    or neither.
    """
    row = AlertState.objects.filter(name=sighting.name)
    if sighting.is_breached:
        is_new = Q(ended_at=None) | Q(ended_at__lt=sighting.at)
        row.filter(is_new, is_firing=False).update(
            is_firing=True, since=sighting.at, notified_since=None, source=sighting.source
        )
        row.filter(source=sighting.source).update(seen_at=now)
        rested = Q(last_notified_at=None) | Q(last_notified_at__lte=now - cooldown)
        untold = row.filter(is_firing=True, notified_since=None)
        told = untold.filter(rested).update(notified_since=F("since"), last_notified_at=now)
        outcome = AlertOutcome.FIRED if told else AlertOutcome.UNCHANGED
        if not told and untold.exists():
            outcome = AlertOutcome.HELD_BACK
    else:
        is_its_own = Q(source=sighting.source) | Q(seen_at__lte=now - _SILENCE)
        own = row.filter(is_its_own, is_firing=True, since__lte=sighting.at)
        if own.exclude(notified_since=None).update(is_firing=False, ended_at=sighting.at):
            outcome = AlertOutcome.RESOLVED
        elif own.update(is_firing=False, ended_at=sighting.at):
            outcome = AlertOutcome.RESOLVED_QUIETLY
        else:
            outcome = AlertOutcome.UNCHANGED
    return outcome, row.values_list("since", flat=True).get() or now
