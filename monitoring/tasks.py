"""The Celery tasks of alerts; `monitoring.alerts.schedule` has their beat schedule."""

from celery import shared_task

from monitoring.alerts.evaluation import evaluate_if_due, recent_figures
from monitoring.alerts.events import clean_up
from monitoring.alerts.outbox import DELIVER, deliver_due

__all__ = ["check_performance_alerts", "clean_up_alerts", "deliver_alerts"]

# A hanging hook or mail backend must not block a worker: first an exception, then a kill.
_LIMITS = {"soft_time_limit": 90, "time_limit": 110}


@shared_task(name="monitoring.check_performance_alerts", ignore_result=True, **_LIMITS)
def check_performance_alerts() -> None:
    """Evaluate the thresholds if that is due, and deliver alerts."""
    evaluate_if_due(recent_figures)
    deliver_due()


@shared_task(name=DELIVER, ignore_result=True, **_LIMITS)
def deliver_alerts() -> None:
    """Send the due entries of the outbox."""
    deliver_due()


@shared_task(name="monitoring.clean_up_alerts", ignore_result=True)
def clean_up_alerts() -> None:
    """Delete what is older than ALERT_RETENTION_DAYS."""
    clean_up()
