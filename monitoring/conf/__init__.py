"""The app's settings: `get_settings()` returns `settings.MONITORING` as a frozen object.

Internal: a project names its settings in `MONITORING` and imports nothing from here. `__all__` is
what this package hands to the app's other modules.
"""

from monitoring.conf.settings import (
    APP_LABEL,
    DEFAULT_LATENCY_BUCKETS,
    Settings,
    forget_settings,
    get_settings,
    parse_settings,
)

__all__ = [
    "APP_LABEL",
    "DEFAULT_LATENCY_BUCKETS",
    "Settings",
    "forget_settings",
    "get_settings",
    "parse_settings",
]
