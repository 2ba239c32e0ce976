"""The settings: `get_settings()` gives the frozen object that `settings.MONITORING` becomes."""

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
