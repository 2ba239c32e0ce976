"""The entries that alerts need in Celery's beat schedule."""

from typing import Any

from monitoring.conf import get_settings

_DELIVERY_SECONDS = 60.0
_CLEAN_UP_SECONDS = 86_400.0


def beat_schedule() -> dict[str, dict[str, Any]]:
    """For `CELERY_BEAT_SCHEDULE`. A run that waited for longer than its interval is dropped:
    the next one looks back far enough."""
    interval = get_settings().ALERT_INTERVAL_SECONDS
    return {
        "monitoring-check-performance-alerts": _entry("check_performance_alerts", interval),
        "monitoring-deliver-alerts": _entry("deliver_alerts", _DELIVERY_SECONDS),
        "monitoring-clean-up-alerts": _entry("clean_up_alerts", _CLEAN_UP_SECONDS),
    }


def _entry(task: str, seconds: float) -> dict[str, Any]:
    return {
        "task": f"monitoring.{task}",
        "schedule": seconds,
        "options": {"expires": seconds},
    }
