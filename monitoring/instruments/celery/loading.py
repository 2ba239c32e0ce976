"""Connects to Celery's signals once the process has imported Celery, and never imports it itself.

Importing Celery takes a third of a second and 17 MB, which a web worker without tasks can save.
"""

import sys

from monitoring.instruments.upkeep import at_each_tick
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error


def watch_celery() -> None:
    """Connect now, or within a second after a request has imported Celery.

    A task that is sent before has no queue time.
    """
    connect_if_loaded()
    at_each_tick(connect_if_loaded)


def connect_if_loaded() -> None:
    """Idempotent; never raises."""
    if "celery.signals" not in sys.modules:
        return
    try:
        from monitoring.instruments.celery.recorder import connect  # noqa: PLC0415

        connect()
    except Exception as error:
        if is_interruption(error):
            raise
        report_error("Celery's signals could not be connected")
