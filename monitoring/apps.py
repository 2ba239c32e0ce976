"""The Django app's configuration: installs the value class and the instruments."""

import sys
from pathlib import Path
from types import ModuleType

from django.apps import AppConfig
from django.core.signals import setting_changed

from monitoring import storage
from monitoring.conf import APP_LABEL
from monitoring.storage.server_start import at_fresh_start
from monitoring.storage.slots import is_housekeeping

__all__ = ["MonitoringConfig"]


class MonitoringConfig(AppConfig):
    name = "monitoring"
    label = APP_LABEL
    verbose_name = "Monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        super().__init__(app_name, app_module)
        # Not in ready(), because models of other apps are imported before it and may build
        # metrics. It opens nothing. Under gunicorn, prepare() has already done it.
        storage.install()
        at_fresh_start(_begin_anew)

    def ready(self) -> None:
        from monitoring import checks  # noqa: F401, PLC0415  (registers the system checks)
        from monitoring.alerts.events import follow_users  # noqa: PLC0415
        from monitoring.conf import forget_settings  # noqa: PLC0415
        from monitoring.instruments.caches.instrument import instrument_caches  # noqa: PLC0415
        from monitoring.instruments.celery.loading import watch_celery  # noqa: PLC0415
        from monitoring.instruments.databases.instrument import instrument_databases  # noqa: PLC0415
        from monitoring.instruments.outgoing.instrument import instrument_outgoing  # noqa: PLC0415

        setting_changed.connect(forget_settings)
        follow_users()
        if is_housekeeping(sys.argv):
            return
        instrument_databases()
        instrument_caches()
        instrument_outgoing()
        watch_celery()
        _keep_snapshots()


def _begin_anew(directory: Path) -> None:
    """The snapshots are of counts that are gone, and this server is no gunicorn with our hooks."""
    from monitoring.figures.ring_file import start_after_wipe  # noqa: PLC0415
    from monitoring.processes.server_facts import forget_facts  # noqa: PLC0415

    forget_facts(directory)
    start_after_wipe(directory)


def _keep_snapshots() -> None:
    """Let web servers without gunicorn's hooks take snapshots from their first request on."""
    from monitoring.figures.snapshot_taker import run_in_web_server  # noqa: PLC0415
    from monitoring.instruments.upkeep import at_each_tick  # noqa: PLC0415

    at_each_tick(run_in_web_server)
