"""The app, for INSTALLED_APPS, after a look at which package `monitoring` is."""

from multiprocess_exporter import require_own_package

require_own_package()

from monitoring.apps import MonitoringConfig  # noqa: E402

__all__ = ["MonitoringConfig"]
