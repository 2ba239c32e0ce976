"""The families of Celery's tasks."""

from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter, Gauge

from monitoring.metrics import names
from monitoring.metrics.histogram import BisectHistogram

_TASK_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CeleryMetrics:
    """What Celery's processes write, each in its own slot."""

    duration: BisectHistogram
    queue: BisectHistogram
    started: Counter
    retries: Counter
    revoked: Counter
    refused: Counter
    in_progress: Gauge


@cache
def celery_metrics() -> CeleryMetrics:
    """Celery's families, built at the first use."""
    return CeleryMetrics(
        duration=BisectHistogram(
            names.CELERY_TASK_DURATION_SECONDS.family,
            "Run time of Celery tasks.",
            ["task", "state"],
            buckets=_TASK_BUCKETS,
        ),
        queue=BisectHistogram(
            names.CELERY_TASK_QUEUE_SECONDS.family,
            "Time from sending a task, or its eta, to its start.",
            ["task"],
            buckets=_TASK_BUCKETS,
        ),
        started=Counter(names.CELERY_TASKS_STARTED, "Tasks that a worker began.", ["task"]),
        retries=Counter(names.CELERY_TASK_RETRIES, "Runs that ended in a retry.", ["task"]),
        revoked=Counter(
            names.CELERY_TASKS_REVOKED,
            "Tasks revoked before or, if terminated, while they ran.",
            ["task", "reason"],
        ),
        refused=Counter(
            names.CELERY_MESSAGES_REFUSED,
            "Messages that a worker refused: of unknown tasks, or invalid.",
            ["reason"],
        ),
        in_progress=Gauge(
            names.CELERY_TASKS_IN_PROGRESS,
            "Tasks that run now.",
            ["task"],
            multiprocess_mode="livesum",
        ),
    )
