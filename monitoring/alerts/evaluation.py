"""Evaluates all thresholds over one window, in one process at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from monitoring.alerts.definitions import DEFINITIONS, is_above
from monitoring.alerts.states import AHEAD, AlertOutcome
from monitoring.alerts.threshold_alerts import Observation, update_threshold_alert
from monitoring.alerts.thresholds import current_thresholds
from monitoring.conf import get_settings
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.figures.window import Window
from monitoring.instruments.requests import sessions
from monitoring.models import AlertEvaluation, AlertEvent

_LEASE = timedelta(minutes=2)  # a run that takes longer is considered dead
_LONGEST_WINDOW = timedelta(hours=24)

ReadFigures = Callable[[float], Mapping[str, Any]]  # window in seconds to the summary's figures


class EvaluationRunningError(Exception):
    """Another process is evaluating now."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure compared with its threshold, and the outcome."""

    observation: Observation
    outcome: AlertOutcome


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one evaluation."""

    window_seconds: float
    comparisons: tuple[Comparison, ...]

    def names_of(self, *outcomes: AlertOutcome) -> list[str]:
        """The names of the thresholds with one of these outcomes."""
        return [
            comparison.observation.name
            for comparison in self.comparisons
            if comparison.outcome in outcomes
        ]


def evaluate_if_due(read_figures: ReadFigures) -> Evaluation | None:
    """The scheduled evaluation; None if one is running or started less than half an interval ago.

    So two schedulers by mistake, or a queue of late runs, lead to one evaluation. The window begins
    where the last evaluation ended, so that nothing in between is missed: what a run claims and
    what it has evaluated are two things, because a run may be killed.
    """
    now = timezone.now()
    interval = timedelta(seconds=get_settings().ALERT_INTERVAL_SECONDS)
    row = AlertEvaluation.objects.get_or_create(pk=1)[0]
    last = row.last_started_at
    if last is not None and now - interval / 2 < last <= now + AHEAD:
        return None
    if not _claim(now, last_started_at=last, started_at=now):
        return None
    # At least an interval; longer if this run is late or some runs were missed.
    covered = row.covered_until or (last or now) - interval
    window = max(interval, min(now - covered, _LONGEST_WINDOW))
    try:
        done = _evaluate(read_figures, window.total_seconds(), now)
    except Exception:
        # Nothing was evaluated: the next run covers this window, too.
        AlertEvaluation.objects.filter(pk=1, last_started_at=now).update(last_started_at=last)
        raise
    else:
        _note_covered(now)
        return done
    finally:
        _release(now)


def evaluate_now(read_figures: ReadFigures) -> Evaluation:
    """An evaluation on demand, over the last interval. It does not move the schedule.

    Raises EvaluationRunningError.
    """
    now = timezone.now()
    row = AlertEvaluation.objects.get_or_create(pk=1)[0]
    if not _claim(now, last_started_at=row.last_started_at, started_at=row.last_started_at):
        raise EvaluationRunningError
    try:
        return _evaluate(read_figures, get_settings().ALERT_INTERVAL_SECONDS, now)
    finally:
        _release(now)


def recent_figures(seconds: float) -> dict[str, Any]:
    """The summary's figures of the last `seconds`. Raises SourceUnavailableError."""
    # Imported here: only a process that evaluates needs numpy.
    from monitoring.figures.request_figures import request_figures  # noqa: PLC0415
    from monitoring.figures.sources import read_traffic  # noqa: PLC0415

    traffic, _ = read_traffic(Window(seconds))
    if traffic.covered_seconds == 0:  # figures of an empty window would resolve every alert
        raise SourceUnavailableError("no_data", "nothing is known of this window yet")
    active, _ = sessions.count_active()
    return {**request_figures(traffic), "active_sessions": active}


def _claim(now: datetime, last_started_at: datetime | None, started_at: datetime | None) -> bool:
    is_wrong = Q(running_until__gt=now + _LEASE + AHEAD)  # a clock that was ahead wrote it
    free = Q(running_until=None) | Q(running_until__lte=now) | is_wrong
    claimed = AlertEvaluation.objects.filter(free, pk=1, last_started_at=last_started_at).update(
        running_until=now + _LEASE, last_started_at=started_at
    )
    return claimed == 1


def _note_covered(now: datetime) -> None:
    """Everything until `now` is evaluated. A run that was taken for dead takes nothing back."""
    earlier = Q(covered_until=None) | Q(covered_until__lt=now) | Q(covered_until__gt=now + AHEAD)
    AlertEvaluation.objects.filter(earlier, pk=1).update(covered_until=now)


def _release(now: datetime) -> None:
    """Release the claim made at `now`, unless it has expired and another run has it."""
    own = AlertEvaluation.objects.filter(pk=1, running_until=now + _LEASE)
    own.update(running_until=None)


def _evaluate(read_figures: ReadFigures, window_seconds: float, now: datetime) -> Evaluation:
    thresholds = current_thresholds()
    figures = read_figures(window_seconds)
    minimum = get_settings().ALERT_MIN_REQUESTS
    comparisons = []
    for name, threshold in thresholds.items():
        definition = DEFINITIONS[name]
        is_breached = is_above(definition, figures, threshold, minimum)
        if is_breached is not None:  # else the alert stays as it is
            value = figures[definition.field]
            observation = Observation(name, is_breached, value, threshold, window_seconds)
            outcome = update_threshold_alert(observation, AlertEvent.Source.CELERY, now)
            comparisons.append(Comparison(observation, outcome))
    return Evaluation(window_seconds, tuple(comparisons))
