"""The app's settings: `get_settings()` returns `settings.MONITORING` as a frozen object."""

from monitoring.conf.settings import (
    DEFAULT_LATENCY_BUCKETS,
    Settings,
    forget_settings,
    get_settings,
    parse_settings,
)

__all__ = [
    "DEFAULT_LATENCY_BUCKETS",
    "Settings",
    "forget_settings",
    "get_settings",
    "parse_settings",
]
