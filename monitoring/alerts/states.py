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


class Outcome(enum.Enum):
    """What an observation of an alert led to."""

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


def observe(seen: Sighting, now: datetime, cooldown: timedelta) -> tuple[Outcome, datetime]:
    """Note it; returns what follows from it, and since when the alert fires or fired.

    The row has to exist. Call it in the transaction that records what follows, so that both happen
    or neither.
    """
    row = AlertState.objects.filter(name=seen.name)
    if seen.is_breached:
        is_new = Q(ended_at=None) | Q(ended_at__lt=seen.at)
        row.filter(is_new, is_firing=False).update(
            is_firing=True, since=seen.at, notified_since=None, source=seen.source
        )
        row.filter(source=seen.source).update(seen_at=now)
        rested = Q(last_notified_at=None) | Q(last_notified_at__lte=now - cooldown)
        untold = row.filter(is_firing=True, notified_since=None)
        told = untold.filter(rested).update(notified_since=F("since"), last_notified_at=now)
        outcome = Outcome.FIRED if told else Outcome.UNCHANGED
        if not told and untold.exists():
            outcome = Outcome.HELD_BACK
    else:
        is_its_own = Q(source=seen.source) | Q(seen_at__lte=now - _SILENCE)
        own = row.filter(is_its_own, is_firing=True, since__lte=seen.at)
        if own.exclude(notified_since=None).update(is_firing=False, ended_at=seen.at):
            outcome = Outcome.RESOLVED
        elif own.update(is_firing=False, ended_at=seen.at):
            outcome = Outcome.RESOLVED_QUIETLY
        else:
            outcome = Outcome.UNCHANGED
    return outcome, row.values_list("since", flat=True).get() or now
