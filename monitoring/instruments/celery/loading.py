"""Connects to Celery's signals once the process has loaded Celery, and never loads it itself.

Celery takes a third of a second and 17 MB: a web worker that sends no task does without.
"""

import sys

from monitoring.instruments.upkeep import add_job
from monitoring.storage.self_report import report_error


def watch_celery() -> None:
    """Now, or in the second after a request has loaded it: until then no queue time is measured."""
    connect_if_loaded()
    add_job(connect_if_loaded)


def connect_if_loaded() -> None:
    """Idempotent; never raises."""
    if "celery.signals" not in sys.modules:
        return
    try:
        from monitoring.instruments.celery.recorder import connect  # noqa: PLC0415

        connect()
    except Exception:
        report_error("Celery's signals could not be connected")
