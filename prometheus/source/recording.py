"""Recording rules for the expressions that alerts and dashboards share.

They aggregate with `without`, so that further labels of an adopter's targets (such as a cluster)
stay. The `instance` level is for dashboards, the `job` level for alerts.
"""

from monitoring.metrics import names
from prometheus.source import recorded
from prometheus.source.options import RuleOptions
from prometheus.source.rule import Group, Recording

WINDOWS = ("30m", "1h", "2h", "6h", "1d", "3d")
QUANTILES = (0.5, 0.95, 0.99)

_REQUEST = "method, route, status"


def recording_groups(options: RuleOptions) -> tuple[Group, ...]:
    return (
        # In one group, because the later rules read the earlier ones.
        Group(
            "django-http.rules",
            (*_traffic(options), *_duration(options), *_site(), *_slo()),
        ),
        Group("django-saturation.rules", _saturation(options)),
        Group("django-data.rules", _data(options)),
    )


def _rate(selector: str, without: str) -> str:
    return f"sum without ({without}) (rate({selector}[5m]))"


def _traffic(options: RuleOptions) -> tuple[Recording, ...]:
    series = options.series
    # An instance without a failure has no such series, but its rate must be 0.
    zero = f"instance:{recorded.REQUESTS} * 0"
    failed = series(names.HTTP_REQUESTS, 'status=~"5.."')
    return (
        Recording(f"instance:{recorded.REQUESTS}", _rate(series(names.HTTP_REQUESTS), _REQUEST)),
        Recording(f"instance:{recorded.FAILED}", f"{_rate(failed, _REQUEST)}\nor\n{zero}"),
        Recording(
            f"instance:{recorded.ERRORS}",
            f"{_rate(series(names.HTTP_ERRORS), _REQUEST)}\nor\n{zero}",
        ),
    )


def _duration(options: RuleOptions) -> tuple[Recording, ...]:
    series = options.series
    total = _rate(series(names.HTTP_REQUEST_DURATION_SECONDS.count), "method, route")
    within = _rate(
        series(names.HTTP_REQUEST_DURATION_SECONDS.bucket, f'le="{options.latency_seconds:g}"'),
        "le, method, route",
    )
    fine = series(names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket)
    return (
        Recording(f"instance:{recorded.TIMED}", total),
        Recording(
            recorded.INSTANCE_SECONDS,
            _rate(series(names.HTTP_REQUEST_DURATION_SECONDS.sum), "method, route"),
        ),
        # A scrape may read a bucket and the count at different moments: never below 0.
        Recording(f"instance:{recorded.OVER_TARGET}", f"clamp_min({total} - {within}, 0)"),
        Recording(
            f"instance:{recorded.SLOW}",
            f"sum without (method, route) (increase({series(names.HTTP_SLOW_REQUESTS)}[5m]))",
        ),
        *(
            Recording(
                recorded.INSTANCE_QUANTILE,
                f"histogram_quantile({quantile:g}, rate({fine}[5m]))",
                {"quantile": f"{quantile:g}"},
            )
            for quantile in QUANTILES
        ),
    )


def _site() -> tuple[Recording, ...]:
    summed = (
        recorded.REQUESTS,
        recorded.FAILED,
        recorded.OVER_TARGET,
        recorded.ERRORS,
        recorded.TIMED,
        recorded.SLOW,
    )
    return (
        *(Recording(f"job:{name}", f"sum without (instance) (instance:{name})") for name in summed),
        Recording(
            recorded.JOB_MEAN,
            f"sum without (instance) ({recorded.INSTANCE_SECONDS})\n"
            "/\n"
            f"sum without (instance) (instance:{recorded.TIMED})",
        ),
    )


def _slo() -> tuple[Recording, ...]:
    """Shares of requests that failed, and of those that took longer than the latency target.

    The long windows average the recorded job-level rates: so a query reads a few series instead of
    every route's, and each request has the same weight, even of a short-lived instance.
    """
    rules: list[Recording] = []
    for part, total in (
        (recorded.FAILED, recorded.REQUESTS),
        (recorded.OVER_TARGET, recorded.TIMED),
    ):
        rules.append(Recording(recorded.share(part, "5m"), f"job:{part} / job:{total}"))
        rules.extend(
            Recording(
                recorded.share(part, window),
                f"avg_over_time(job:{part}[{window}])\n/\navg_over_time(job:{total}[{window}])",
            )
            for window in WINDOWS
        )
    return tuple(rules)


def _saturation(options: RuleOptions) -> tuple[Recording, ...]:
    workers = options.series(names.GUNICORN_WORKERS)
    busy = options.series(names.GUNICORN_WORKERS, 'state="busy"')
    queue = options.series(names.HTTP_REQUEST_QUEUE_SECONDS.bucket)
    return (
        Recording(
            recorded.WORKERS_BUSY,
            f"sum without (state) ({busy}) / sum without (state) ({workers})",
        ),
        Recording(
            recorded.QUEUE_P95,
            f"histogram_quantile(0.95, rate({queue}[5m]))",
        ),
    )


def _data(options: RuleOptions) -> tuple[Recording, ...]:
    series = options.series
    duration = names.DJANGO_DB_QUERY_DURATION_SECONDS
    queries = f"sum without (vendor) (rate({series(duration.count)}[5m]))"
    zero = f"{recorded.QUERIES} * 0"
    return (
        Recording(recorded.QUERIES, queries),
        Recording(
            recorded.QUERIES_FAILED,
            "(\n"
            f"  sum without (type, vendor) (rate({series(names.DJANGO_DB_ERRORS)}[5m]))\n"
            f"  or\n  {zero}\n"
            f")\n/\n{recorded.QUERIES}",
        ),
        Recording(
            recorded.QUERIES_SLOW,
            f"(rate({series(names.DB_SLOW_QUERIES)}[5m]) or {zero})\n/\n{recorded.QUERIES}",
        ),
        Recording(
            recorded.QUERIES_P95,
            f"histogram_quantile(0.95, sum without (vendor) (rate({series(duration.bucket)}[5m])))",
        ),
        Recording(
            recorded.CACHE_HITS,
            f"(rate({series(names.DJANGO_CACHE_GET_HITS)}[5m]) "
            f"or rate({series(names.DJANGO_CACHE_GET)}[5m]) * 0)\n"
            f"/\nrate({series(names.DJANGO_CACHE_GET)}[5m])",
        ),
        Recording(
            recorded.TASKS,
            f"sum without (state) (rate({series(names.CELERY_TASK_DURATION_SECONDS.count)}[5m]))",
        ),
    )
