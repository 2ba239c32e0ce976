"""The Celery tasks of alerts, for a beat schedule; `monitoring.alerts.schedule` makes one."""

from celery import shared_task

from monitoring.alerts.evaluation import evaluate_if_due, recent_figures
from monitoring.alerts.events import clean_up
from monitoring.alerts.outbox import DELIVER, deliver_due

__all__ = ["check_performance_alerts", "clean_up_alerts", "deliver_alerts"]

# A hook or a mail backend that hangs must not keep a worker: first an exception, then its end.
_LIMITS = {"soft_time_limit": 90, "time_limit": 110}


@shared_task(name="monitoring.check_performance_alerts", ignore_result=True, **_LIMITS)
def check_performance_alerts() -> None:
    """Evaluate the thresholds, unless that was done less than half an interval ago."""
    evaluate_if_due(recent_figures)
    deliver_due()


@shared_task(name=DELIVER, ignore_result=True, **_LIMITS)
def deliver_alerts() -> None:
    """Send what the outbox holds."""
    deliver_due()


@shared_task(name="monitoring.clean_up_alerts", ignore_result=True)
def clean_up_alerts() -> None:
    """Delete what is older than ALERT_RETENTION_DAYS."""
    clean_up()
