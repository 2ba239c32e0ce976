"""Recording rules: what alerts and dashboards read again and again.

`without` lists the labels that go, so that labels which an adopter's own targets carry (a cluster,
an environment) stay. The `instance` level is for dashboards, the `job` level for alerts.
"""

from prometheus.source.rule import Group, Recording
from prometheus.source.settings import Settings

WINDOWS = ("30m", "1h", "2h", "6h", "1d", "3d")
QUANTILES = (0.5, 0.95, 0.99)

_REQUEST = "method, route, status"


def recording_groups(settings: Settings) -> tuple[Group, ...]:
    return (
        # In one group, because the later rules read the earlier ones.
        Group(
            "django-http.rules",
            (*_traffic(settings), *_duration(settings), *_site(), *_slo()),
        ),
        Group("django-saturation.rules", _saturation(settings)),
        Group("django-data.rules", _data(settings)),
    )


def _rate(selector: str, without: str) -> str:
    return f"sum without ({without}) (rate({selector}[5m]))"


def _traffic(settings: Settings) -> tuple[Recording, ...]:
    series = settings.series
    # An instance without a failure has no such series; 0 must be 0, not nothing.
    zero = "instance:http_requests:rate5m * 0"
    failed = series("http_requests_total", 'status=~"5.."')
    return (
        Recording("instance:http_requests:rate5m", _rate(series("http_requests_total"), _REQUEST)),
        Recording("instance:http_requests_failed:rate5m", f"{_rate(failed, _REQUEST)}\nor\n{zero}"),
        Recording(
            "instance:http_errors:rate5m",
            f"{_rate(series('http_errors_total'), _REQUEST)}\nor\n{zero}",
        ),
    )


def _duration(settings: Settings) -> tuple[Recording, ...]:
    series = settings.series
    total = _rate(series("http_request_duration_seconds_count"), "method, route")
    within = _rate(
        series("http_request_duration_seconds_bucket", f'le="{settings.latency_seconds:g}"'),
        "le, method, route",
    )
    fine = series("http_request_duration_highr_seconds_bucket")
    return (
        Recording("instance:http_request_duration_seconds_count:rate5m", total),
        Recording(
            "instance:http_request_duration_seconds_sum:rate5m",
            _rate(series("http_request_duration_seconds_sum"), "method, route"),
        ),
        # A bucket and the count are not read at one instant by every server: never below 0.
        Recording("instance:http_requests_over_target:rate5m", f"clamp_min({total} - {within}, 0)"),
        Recording(
            "instance:http_slow_requests:increase5m",
            f"sum without (method, route) (increase({series('http_slow_requests_total')}[5m]))",
        ),
        *(
            Recording(
                "instance_quantile:http_request_duration_seconds:histogram_quantile5m",
                f"histogram_quantile({quantile:g}, rate({fine}[5m]))",
                {"quantile": f"{quantile:g}"},
            )
            for quantile in QUANTILES
        ),
    )


def _site() -> tuple[Recording, ...]:
    summed = (
        "http_requests:rate5m",
        "http_requests_failed:rate5m",
        "http_requests_over_target:rate5m",
        "http_errors:rate5m",
        "http_request_duration_seconds_count:rate5m",
        "http_slow_requests:increase5m",
    )
    return (
        *(Recording(f"job:{name}", f"sum without (instance) (instance:{name})") for name in summed),
        Recording(
            "job:http_request_duration_seconds:mean5m",
            "sum without (instance) (instance:http_request_duration_seconds_sum:rate5m)\n"
            "/\n"
            "sum without (instance) (instance:http_request_duration_seconds_count:rate5m)",
        ),
    )


def _slo() -> tuple[Recording, ...]:
    """Shares of requests that failed, and that took longer than the latency target.

    The long windows are averages of the recorded site-wide rates: that costs a few series instead
    of every route's, and it weighs each request alike, also of an instance that lived for minutes.
    """
    rules: list[Recording] = []
    for kind, total in (
        ("http_requests_failed", "http_requests"),
        ("http_requests_over_target", "http_request_duration_seconds_count"),
    ):
        rules.append(
            Recording(f"job:{kind}:ratio_rate5m", f"job:{kind}:rate5m / job:{total}:rate5m")
        )
        rules.extend(
            Recording(
                f"job:{kind}:ratio_rate{window}",
                f"avg_over_time(job:{kind}:rate5m[{window}])\n"
                "/\n"
                f"avg_over_time(job:{total}:rate5m[{window}])",
            )
            for window in WINDOWS
        )
    return tuple(rules)


def _saturation(settings: Settings) -> tuple[Recording, ...]:
    workers = settings.series("gunicorn_workers")
    busy = settings.series("gunicorn_workers", 'state="busy"')
    queue = settings.series("http_request_queue_seconds_bucket")
    return (
        Recording(
            "instance:gunicorn_workers_busy:ratio",
            f"sum without (state) ({busy}) / sum without (state) ({workers})",
        ),
        Recording(
            "instance:http_request_queue_seconds:p95_5m",
            f"histogram_quantile(0.95, rate({queue}[5m]))",
        ),
    )


def _data(settings: Settings) -> tuple[Recording, ...]:
    series = settings.series
    queries = f"sum without (vendor) (rate({series('django_db_query_duration_seconds_count')}[5m]))"
    zero = "instance_alias:django_db_queries:rate5m * 0"
    return (
        Recording("instance_alias:django_db_queries:rate5m", queries),
        Recording(
            "instance_alias:django_db_errors:ratio_rate5m",
            "(\n"
            f"  sum without (type, vendor) (rate({series('django_db_errors_total')}[5m]))\n"
            f"  or\n  {zero}\n"
            ")\n/\ninstance_alias:django_db_queries:rate5m",
        ),
        Recording(
            "instance_alias:db_slow_queries:ratio_rate5m",
            f"(rate({series('db_slow_queries_total')}[5m]) or {zero})\n"
            "/\ninstance_alias:django_db_queries:rate5m",
        ),
        Recording(
            "instance_alias:django_db_query_duration_seconds:p95_5m",
            "histogram_quantile(0.95, sum without (vendor) "
            f"(rate({series('django_db_query_duration_seconds_bucket')}[5m])))",
        ),
        Recording(
            "instance_backend:django_cache_get_hits:ratio_rate5m",
            f"(rate({series('django_cache_get_hits_total')}[5m]) "
            f"or rate({series('django_cache_get_total')}[5m]) * 0)\n"
            f"/\nrate({series('django_cache_get_total')}[5m])",
        ),
        Recording(
            "instance_task:celery_task_duration_seconds_count:rate5m",
            f"sum without (state) (rate({series('celery_task_duration_seconds_count')}[5m]))",
        ),
    )
