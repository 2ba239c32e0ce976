"""The entries of alerts for Celery's beat schedule, for a project's celery.py.

Apart from the tasks, because a celery.py is read before Django has loaded any model.
"""

from typing import Any

from celery.schedules import crontab

from monitoring.conf import get_settings

__all__ = ["beat_schedule"]

_DELIVERY_SECONDS = 60.0
_DAY_SECONDS = 86_400.0


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Entries for `CELERY_BEAT_SCHEDULE`.

    A run that has waited longer than its interval expires: the next run covers its window.
    """
    interval = get_settings().ALERT_INTERVAL_SECONDS
    return {
        "monitoring-check-performance-alerts": _entry("check_performance_alerts", interval),
        "monitoring-deliver-alerts": _entry("deliver_alerts", _DELIVERY_SECONDS),
        "monitoring-clean-up-alerts": {
            **_entry("clean_up_alerts", _DAY_SECONDS),
            # At a fixed time: a beat that loses its file in a daily restart never counts a day.
            "schedule": crontab(hour="3", minute="17"),
        },
    }


def _entry(task: str, seconds: float) -> dict[str, Any]:
    return {
        "task": f"monitoring.{task}",
        "schedule": seconds,
        "options": {"expires": seconds},
    }
