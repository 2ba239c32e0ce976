"""Moves an alert between firing and resolved, atomically over all workers and hosts.

Each transition is one UPDATE whose WHERE names the old state: if several processes try the same
transition, the database lets exactly one succeed.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q

from monitoring.models import AlertEvent, AlertState

# Alertmanager repeats a firing alert every few hours. A source that has been silent for longer is
# considered gone: then another source may resolve its alert.
_SILENCE = timedelta(hours=24)
# How far the clocks of two hosts may differ. A stored time that lies further ahead was written by a
# host whose clock was wrong: it is not believed, or alerts would be silent until then.
AHEAD = timedelta(minutes=5)


class AlertOutcome(enum.Enum):
    """The result of a sighting."""

    UNCHANGED = "unchanged"
    FIRED = "fired"  # admins must be told
    HELD_BACK = "held back"  # it fires, but the cooldown after its last notification is not over
    RESOLVED = "resolved"  # admins must be told, because they were told of the firing
    RESOLVED_QUIETLY = "resolved quietly"  # admins were not told of the firing


@dataclass(frozen=True, slots=True)
class Sighting:
    """A source reports that an alert's condition holds or does not hold, since `at`.

    `at` may lie before the last sighting, because messages may be late or repeated.
    """

    name: str
    is_breached: bool
    source: AlertEvent.Source
    at: datetime


def apply_sighting(
    sighting: Sighting, now: datetime, cooldown: timedelta
) -> tuple[AlertOutcome, datetime]:
    """Change the alert's state; returns the outcome, and since when the alert fires or fired.

    The row must exist. Call it in the same transaction that stores the consequences.
    """
    row = AlertState.objects.filter(name=sighting.name)
    late = now + AHEAD
    if sighting.is_breached:
        is_new = Q(ended_at=None) | Q(ended_at__lt=sighting.at) | Q(ended_at__gt=late)
        row.filter(is_new, is_firing=False).update(
            is_firing=True, since=sighting.at, notified_since=None, source=sighting.source
        )
        row.filter(source=sighting.source).update(seen_at=now)
        told_at = Q(last_notified_at=None) | Q(last_notified_at__lte=now - cooldown)
        rested = told_at | Q(last_notified_at__gt=late)
        untold = row.filter(is_firing=True, notified_since=None)
        told = untold.filter(rested).update(notified_since=F("since"), last_notified_at=now)
        outcome = AlertOutcome.FIRED if told else AlertOutcome.UNCHANGED
        if not told and untold.exists():
            outcome = AlertOutcome.HELD_BACK
    else:
        is_silent = Q(seen_at__lte=now - _SILENCE) | Q(seen_at__gt=late)
        began = Q(since__lte=sighting.at) | Q(since__gt=late)
        own = row.filter(Q(source=sighting.source) | is_silent, began, is_firing=True)
        if own.exclude(notified_since=None).update(is_firing=False, ended_at=sighting.at):
            outcome = AlertOutcome.RESOLVED
        elif own.update(is_firing=False, ended_at=sighting.at):
            outcome = AlertOutcome.RESOLVED_QUIETLY
        else:
            outcome = AlertOutcome.UNCHANGED
    return outcome, row.values_list("since", flat=True).get() or now
