"""Celery's parent process runs no task, and looks after its slot all the same."""

from pathlib import Path

from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples


def test_at_each_heartbeat_deleted_files_come_back(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
from celery import signals
from monitoring.instruments.celery.recorder import connect
connect()
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
c = Counter('c', 'C.')
c.inc(5)
(directory / 'counter_web-0.db').unlink()
signals.heartbeat_sent.send(sender=None)
"""
    )
    assert stock_samples(metrics_directory)["c_total", ()] == 5
