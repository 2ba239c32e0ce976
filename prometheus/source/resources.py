"""Alerts on workers, listen queues, file descriptors, databases and caches."""

from monitoring.metrics import names
from prometheus.source import recorded
from prometheus.source.options import RuleOptions
from prometheus.source.rule import Alert, Group

_PERCENT = "{{ $value | humanizePercentage }}"
_COUNT = '{{ $value | printf "%.0f" }}'
_SECONDS = "{{ $value | humanizeDuration }}"
_WHERE = "{{ $labels.instance }}"


def resource_groups(options: RuleOptions) -> tuple[Group, ...]:
    return (
        Group("django-saturation", (*_workers(options), *_waiting(options))),
        Group("django-database", _database(options)),
        Group("django-cache", _cache(options)),
    )


def _workers(options: RuleOptions) -> tuple[Alert, ...]:
    series = options.series
    alive = f"sum without (state) ({series(names.GUNICORN_WORKERS)})"
    exits = series(names.GUNICORN_WORKER_EXITS, 'reason!="exit_0"')
    return (
        Alert(
            "DjangoNoWorkers",
            "critical",
            f"{alive} == 0",
            "1m",
            "No gunicorn worker is alive.",
            f"{_WHERE} has {_COUNT} workers: it answers no request.",
        ),
        Alert(
            "DjangoWorkersMissing",
            "warning",
            f"{series(names.GUNICORN_WORKERS_CONFIGURED)} - {alive} > 0",
            "5m",
            "Fewer gunicorn workers are alive than configured.",
            f"{_COUNT} of the configured workers of {_WHERE} are not alive.",
        ),
        Alert(
            "DjangoWorkersDying",
            "warning",
            f"sum without (reason) (increase({exits}[15m])) > 3",
            "1m",
            "Gunicorn workers end by a signal or an error again and again.",
            f"{_COUNT} workers of {_WHERE} ended so in the last 15 minutes.",
        ),
        Alert(
            "DjangoWorkersAllBusy",
            "warning",
            f"{recorded.WORKERS_BUSY} >= 1",
            "5m",
            "Every gunicorn worker has been busy for minutes.",
            f"{_PERCENT} of the workers of {_WHERE} are busy: new requests may have to wait.",
        ),
    )


def _waiting(options: RuleOptions) -> tuple[Alert, ...]:
    series = options.series
    backlog = (
        f"{series(names.GUNICORN_LISTEN_BACKLOG_CONNECTIONS)}\n/\n"
        f"{series(names.GUNICORN_LISTEN_BACKLOG_LIMIT_CONNECTIONS)}"
    )
    queued = f"rate({series(names.HTTP_REQUEST_QUEUE_SECONDS.count)}[5m])"
    return (
        Alert(
            "DjangoListenBacklogFilling",
            "warning",
            f"{backlog}\n> 0.1",
            "2m",
            "Connections wait to be accepted by a worker.",
            f"The listen queue of {{{{ $labels.listener }}}} on {_WHERE} is {_PERCENT} full.",
        ),
        Alert(
            "DjangoListenBacklogFull",
            "critical",
            f"{backlog}\n> 0.8",
            "1m",
            "The listen queue is nearly full; the kernel refuses further connections.",
            f"The listen queue of {{{{ $labels.listener }}}} on {_WHERE} is {_PERCENT} full.",
        ),
        Alert(
            "DjangoRequestQueueTime",
            "warning",
            f"{recorded.QUEUE_P95} > 0.5\nand\n{queued} > {options.minimum_rate:g}",
            "10m",
            "Requests wait long between the proxy and the application.",
            f"5% of the requests of {_WHERE} wait longer than {_SECONDS} for a worker.",
            keep_firing="5m",
        ),
        Alert(
            "DjangoFileDescriptorsRunningOut",
            "warning",
            f"{series(names.PROCESS_OPEN_FDS)} / {series(names.PROCESS_MAX_FDS)} > 0.8",
            "10m",
            "A process has most of its file descriptors open.",
            f"Slot {{{{ $labels.slot }}}} on {_WHERE} uses {_PERCENT} of its file descriptors.",
        ),
    )


def _database(options: RuleOptions) -> tuple[Alert, ...]:
    series = options.series
    floor = f"and\n{recorded.QUERIES} > {options.minimum_rate:g}"
    refused = f"rate({series(names.DJANGO_DB_NEW_CONNECTION_ERRORS)}[5m])"
    by_request = names.HTTP_REQUEST_QUERIES
    per_request = f"rate({series(by_request.sum)}[15m])\n/\nrate({series(by_request.count)}[15m])"
    return (
        Alert(
            "DjangoDatabaseErrors",
            "warning",
            f"{recorded.QUERIES_FAILED} > 0.01\n{floor}",
            "5m",
            "Database queries fail.",
            f"{_PERCENT} of the queries to {{{{ $labels.alias }}}} from {_WHERE} fail.",
        ),
        Alert(
            "DjangoDatabaseConnectionErrors",
            "warning",
            f"sum without (vendor) ({refused}) > 0",
            "5m",
            "Connections to the database fail.",
            f'{{{{ $value | printf "%.2f" }}}} connections a second from {_WHERE} to '
            "{{ $labels.alias }} fail.",
        ),
        Alert(
            "DjangoSlowQueries",
            "warning",
            f"{recorded.QUERIES_SLOW} > 0.05\n{floor}",
            "10m",
            "A large share of the database queries is slow.",
            f"{_PERCENT} of the queries to {{{{ $labels.alias }}}} from {_WHERE} are slow.",
            keep_firing="5m",
        ),
        Alert(
            "DjangoManyQueriesPerRequest",
            "info",
            f"{per_request}\n> 50\n"
            f"and\nrate({series(by_request.count)}[15m]) > {options.minimum_rate:g}",
            "30m",
            "Requests make many database queries on average.",
            f"A request of {_WHERE} makes {_COUNT} queries on average.",
        ),
    )


def _cache(options: RuleOptions) -> tuple[Alert, ...]:
    series = options.series
    reads = f"rate({series(names.DJANGO_CACHE_GET)}[5m])"
    failed = f"rate({series(names.DJANGO_CACHE_GET_FAIL)}[5m])"
    return (
        Alert(
            "DjangoCacheErrors",
            "warning",
            f"{failed} / {reads} > 0.01\nand\n{reads} > {options.minimum_rate:g}",
            "5m",
            "Reads from the cache fail.",
            f"{_PERCENT} of the reads from {{{{ $labels.backend }}}} by {_WHERE} fail.",
        ),
        Alert(
            "DjangoCacheHitRateLow",
            "info",
            f"{recorded.CACHE_HITS} < 0.5\nand\n{reads} > 1",
            "30m",
            "Most reads from the cache find nothing.",
            f"Only {_PERCENT} of the reads from {{{{ $labels.backend }}}} by {_WHERE} hit.",
        ),
    )
