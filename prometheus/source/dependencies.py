"""Alerts on health checks, on Celery, and on the exporter itself."""

from monitoring.conf.health_table import CELERY, DATABASE
from monitoring.metrics import names
from monitoring.storage.own_counters import DROP_MAX_ROUTES
from prometheus.source import recorded
from prometheus.source.options import RuleOptions
from prometheus.source.rule import Alert, Group

_COUNT = '{{ $value | printf "%.0f" }}'
_WHERE = "{{ $labels.instance }}"


def dependency_groups(options: RuleOptions) -> tuple[Group, ...]:
    return (
        Group("django-health", _health(options)),
        Group("django-celery", _celery(options)),
        Group("django-exporter", _exporter(options)),
    )


def _health(options: RuleOptions) -> tuple[Alert, ...]:
    database = options.series(names.MONITORING_HEALTH_STATUS, f'check="{DATABASE}"')
    others = options.series(names.MONITORING_HEALTH_STATUS, f'check!~"{DATABASE}|{CELERY}"')
    return (
        Alert(
            "DjangoDatabaseDown",
            "critical",
            f"{database} == 0",
            "1m",
            "The database does not answer.",
            f"The health check of {_WHERE} cannot use its database (status {_COUNT}).",
        ),
        Alert(
            "DjangoHealthCheckFailing",
            "warning",
            f"{others} < 1",
            "5m",
            "A dependency of the site fails its health check.",
            f"The check {{{{ $labels.check }}}} of {_WHERE} has status "
            '{{ $value | printf "%.1f" }} (1 is healthy).',
        ),
    )


def _celery(options: RuleOptions) -> tuple[Alert, ...]:
    series = options.series
    total = recorded.TASKS
    failures = series(names.CELERY_TASK_DURATION_SECONDS.count, 'state="FAILURE"')
    queue = series(names.CELERY_QUEUE_LENGTH)
    workers = series(names.MONITORING_HEALTH_STATUS, f'check="{CELERY}"')
    return (
        Alert(
            "DjangoCeleryNoWorkers",
            "critical",
            f"{workers} < 1",
            "5m",
            "No Celery worker answers.",
            f"Tasks queued by {_WHERE} are not run (status "
            '{{ $value | printf "%.1f" }}, 1 is healthy).',
        ),
        Alert(
            "DjangoCeleryTaskFailures",
            "warning",
            f"sum without (state) (rate({failures}[5m])) / {total} > 0.05\n"
            # Tasks are rarer than requests: at least one in 100 seconds.
            f"and\n{total} > 0.01",
            "10m",
            "Celery tasks fail.",
            "{{ $value | humanizePercentage }} of the runs of {{ $labels.task }} on "
            f"{_WHERE} fail.",
        ),
        Alert(
            "DjangoCeleryQueueGrowing",
            "warning",
            f"max without (instance) ({queue}) > 100\n"
            f"and\nmax without (instance) (deriv({queue}[30m])) > 0",
            "15m",
            "A Celery queue is long and grows.",
            f"{_COUNT} tasks wait in queue {{{{ $labels.queue }}}} of job {{{{ $labels.job }}}}.",
        ),
    )


def _exporter(options: RuleOptions) -> tuple[Alert, ...]:
    series = options.series
    scrape = series(names.MONITORING_SCRAPE_DURATION_SECONDS)
    dropped = series(names.MONITORING_DROPPED, f'reason!="{DROP_MAX_ROUTES}"')
    routes = series(names.MONITORING_DROPPED, f'reason="{DROP_MAX_ROUTES}"')
    return (
        Alert(
            "DjangoMetricsAbsent",
            "critical",
            f"absent({scrape})",
            "5m",
            "No Django site is monitored.",
            f"Prometheus has no series {names.MONITORING_SCRAPE_DURATION_SECONDS}, from any "
            "instance: "
            "alerts about the site cannot fire (value {{ $value }}).",
        ),
        Alert(
            "DjangoExporterDown",
            "critical",
            # Only targets that had our metrics: `up` exists for every target.
            f"{series('up')} == 0\nand\npresent_over_time({scrape}[1d])",
            "3m",
            "An instance cannot be scraped.",
            f"{_WHERE} of job {{{{ $labels.job }}}} does not answer scrapes (up {_COUNT}).",
        ),
        Alert(
            "DjangoScrapeSlow",
            "warning",
            f"{scrape} > 2",
            "10m",
            "Scrapes take long.",
            f"A scrape of {_WHERE} takes {{{{ $value | humanizeDuration }}}}.",
        ),
        Alert(
            "DjangoMetricFilesCorrupt",
            "warning",
            f"increase({series(names.MONITORING_CORRUPT_FILES)}[1h]) > 0",
            "1m",
            "Damaged metric files were found.",
            f"{_COUNT} metric files of {_WHERE} were damaged in the last hour.",
        ),
        Alert(
            "DjangoMetricsDropped",
            "warning",
            f"increase({dropped}[15m]) > 0",
            "1m",
            "Metrics could not be recorded.",
            f"{_COUNT} writes of {_WHERE} were dropped in the last 15 minutes "
            "(reason: {{ $labels.reason }}).",
        ),
        Alert(
            "DjangoTooManyRoutes",
            "info",
            f"increase({routes}[1h]) > 0",
            "1m",
            "Routes beyond MAX_ROUTES are counted as one.",
            f"{_COUNT} requests of {_WHERE} were counted as _overflow in the last hour.",
        ),
    )
