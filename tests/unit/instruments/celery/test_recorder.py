"""What Celery's signals leave, without a worker."""

from pathlib import Path

import pytest

from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples


@pytest.mark.needs("moves")
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


def test_runs_of_one_task_id_that_overlap_are_timed_each(
    run_python: RunPython, metrics_directory: Path
) -> None:
    # As with gevent or threads: a retry starts before the run that asked for it has ended.
    run_python(
        """
from celery import Celery
from monitoring.instruments.celery.recorder import connect
connect()
app = Celery(broker='memory://')
@app.task(name='again')
def again(left):
    if left:
        retry = threading.Thread(target=again.apply, args=[(left - 1,)], kwargs={'task_id': 'same'})
        retry.start()
        retry.join()
assert again.apply((2,), task_id='same').state == 'SUCCESS'
"""
    )
    samples = stock_samples(metrics_directory)
    assert samples["celery_tasks_started_total", (("task", "again"),)] == 3
    ended = ("state", "SUCCESS"), ("task", "again")
    assert samples["celery_task_duration_seconds_count", ended] == 3
    assert samples["celery_tasks_in_progress", (("task", "again"),)] == 0
