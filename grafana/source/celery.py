"""The Celery dashboard: tasks, queues, workers, and the health checks."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build
from grafana.source.panels import Query, lines, rate, rows, series
from monitoring.metrics import names
from prometheus.source.options import RuleOptions

_DURATION = names.CELERY_TASK_DURATION_SECONDS
_HELD = 'role="celery",state="held"'


def celery(options: RuleOptions) -> models.Dashboard:
    return build(
        "django-celery",
        "Celery",
        "Tasks run, their time and failures, what waits in the queues, and the health checks.",
        (("Tasks", (*_tasks(), _table())), ("Queues and health", _queues())),
        options,
        anchor="djangocelerytaskfailures",
    )


def _tasks() -> tuple[object, ...]:
    spread = f"sum by (le) ({rate(_DURATION.bucket)})"
    return (
        lines(
            "Runs",
            "Tasks run in a second by how they ended.",
            "ops",
            (Query(f"sum by (state) ({rate(_DURATION.count)})", "{{state}}"),),
            stacked=True,
        ),
        lines(
            "Run time",
            "Percentiles of the run time of all tasks.",
            "s",
            tuple(
                Query(f"histogram_quantile({q:g}, {spread})", f"p{q * 100:g}")
                for q in (0.5, 0.95, 0.99)
            ),
            exemplars=True,
        ),
    )


def _table() -> object:
    count = f"sum by (task) ({rate(_DURATION.count)})"
    failures = rate(_DURATION.count, 'state="FAILURE"')
    failed = f"sum by (task) ({failures})"
    time = f"sum by (task) ({rate(_DURATION.sum)})"
    return rows(
        "Tasks",
        "Every task that ran. Time is the seconds of work that a second of the clock brings.",
        (
            ("Time", "s", time),
            ("Runs", "ops", count),
            ("Failures", "percentunit", f"{failed} / {count}"),
            ("Mean", "s", f"{time} / {count}"),
        ),
    )


def _queues() -> tuple[object, ...]:
    return (
        lines(
            "Queue length",
            "Tasks that wait in the broker.",
            "short",
            (Query(f"max by (queue) ({series(names.CELERY_QUEUE_LENGTH)})", "{{queue}}"),),
        ),
        lines(
            "Health",
            "What the health checks say: 1 healthy, 0.5 impaired, 0 down.",
            "short",
            (Query(f"min by (check) ({series(names.MONITORING_HEALTH_STATUS)})", "{{check}}"),),
        ),
        lines(
            "Worker processes",
            "Slots held by Celery's processes.",
            "short",
            (
                Query(
                    f"sum by (instance) ({series(names.MONITORING_SLOTS, _HELD)})", "{{instance}}"
                ),
            ),
        ),
    )
