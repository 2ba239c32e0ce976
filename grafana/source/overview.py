"""The overview dashboard: golden signals, objectives, alerts, and the site's thresholds."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build
from grafana.source.panels import (
    Query,
    alerts,
    dial,
    lines,
    live_threshold,
    number,
    rate,
    series,
)
from monitoring.metrics import names
from prometheus.source import recorded
from prometheus.source.options import RuleOptions

_REQUESTS = f"instance:{recorded.REQUESTS}"
_FAILED = f"instance:{recorded.FAILED}"
_OVER = f"instance:{recorded.OVER_TARGET}"
_TIMED = f"instance:{recorded.TIMED}"
_ALERTS = (
    "Alerts of these rules that are pending or firing. Each has a runbook link and a section there."
)
_GOOD_TO_BAD = ((None, "green"), (0.01, "orange"), (0.05, "red"))


def overview(options: RuleOptions) -> models.Dashboard:
    return build(
        "django-overview",
        "Overview",
        "Traffic, errors, latency and saturation of a Django site; its objectives and thresholds.",
        (
            ("Now", (*_figures(), _budget(options), _latency_budget(options))),
            ("Golden signals", _signals()),
            ("Objectives and alerts", (_burn(options), alerts("Alerts", _ALERTS))),
            ("Thresholds of the site", _thresholds()),
        ),
        options,
    )


def _sum_ratio(part: str, whole: str, window: str) -> str:
    """A ratio of recorded rates, so that a short-lived instance counts by its requests."""
    return (
        f"sum by (job) (sum_over_time({series(part)}[{window}]))\n/\n"
        f"sum by (job) (sum_over_time({series(whole)}[{window}]))"
    )


def _figures() -> tuple[object, ...]:
    fine = rate(names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket)
    failed = rate(names.HTTP_REQUESTS, 'status=~"5.."')
    busy = series(names.GUNICORN_WORKERS, 'state="busy"')
    return (
        number(
            "Requests",
            "Requests answered in a second, the monitoring's own not counted.",
            "reqps",
            Query(f"sum({rate(names.HTTP_REQUESTS)})", "requests"),
        ),
        number(
            "Failures",
            "Share of requests answered with a status of 500 or above.",
            "percentunit",
            Query(f"(sum({failed}) or vector(0)) / sum({rate(names.HTTP_REQUESTS)})", "failures"),
            colours=_GOOD_TO_BAD,
            decimals=2,
        ),
        number(
            "p95",
            "95 of 100 requests are answered within this time (buckets 4.4 % wide).",
            "s",
            Query(f"histogram_quantile(0.95, sum by (le) ({fine}))", "p95"),
        ),
        number(
            "Workers busy",
            "Share of gunicorn's workers that answer a request at the moment of the scrape. "
            "Only the exporter sees it.",
            "percentunit",
            Query(f"sum({busy}) / sum({series(names.GUNICORN_WORKERS)})", "busy"),
            colours=((None, "green"), (0.7, "orange"), (0.9, "red")),
        ),
        number(
            "In progress",
            "Requests being answered now.",
            "short",
            Query(f"sum({series(names.HTTP_REQUESTS_IN_PROGRESS)})", "in progress"),
        ),
        number(
            "Active sessions",
            "Sessions that have not expired.",
            "short",
            Query(f"max({series(names.HTTP_ACTIVE_SESSIONS)})", "sessions"),
        ),
    )


def _budget(options: RuleOptions) -> object:
    return dial(
        "Error budget left",
        f"What is left of the availability budget ({options.availability_budget * 100:g} % of "
        "requests may fail) over 30 days, or as long as Prometheus keeps data.",
        Query(
            f"1 - ({_sum_ratio(_FAILED, _REQUESTS, '30d')}) / {options.availability_budget:g}",
            "{{job}}",
        ),
        ((None, "red"), (0.1, "orange"), (0.5, "green")),
    )


def _latency_budget(options: RuleOptions) -> object:
    return dial(
        "Latency budget left",
        f"What is left of the latency budget ({options.latency_budget * 100:g} % of requests may "
        f"take longer than {options.latency_seconds:g} s) over 30 days.",
        Query(f"1 - ({_sum_ratio(_OVER, _TIMED, '30d')}) / {options.latency_budget:g}", "{{job}}"),
        ((None, "red"), (0.1, "orange"), (0.5, "green")),
    )


def _signals() -> tuple[object, ...]:
    fine = f"sum by (le) ({rate(names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket)})"
    return (
        lines(
            "Traffic by status",
            "Requests in a second by status code.",
            "reqps",
            (Query(f"sum by (status) ({rate(names.HTTP_REQUESTS)})", "{{status}}"),),
            stacked=True,
        ),
        lines(
            "Latency",
            "Response times of all requests, from the fine histogram. Exemplars mark requests.",
            "s",
            tuple(
                Query(f"histogram_quantile({q:g}, {fine})", f"p{q * 100:g}")
                for q in (0.5, 0.9, 0.95, 0.99)
            ),
            exemplars=True,
        ),
        lines(
            "Errors",
            "Unhandled exceptions in a second by type.",
            "ops",
            (Query(f"sum by (type) ({rate(names.HTTP_EXCEPTIONS)})", "{{type}}"),),
        ),
        lines(
            "Saturation",
            "Busy workers, and how full the listen queues are. At 100 % requests wait or fail.",
            "percentunit",
            (
                Query(f"max({series(recorded.WORKERS_BUSY)})", "workers busy"),
                Query(
                    f"max({series(names.GUNICORN_LISTEN_BACKLOG_CONNECTIONS)} "
                    f"/ {series(names.GUNICORN_LISTEN_BACKLOG_LIMIT_CONNECTIONS)})",
                    "listen queue",
                ),
            ),
        ),
    )


def _burn(options: RuleOptions) -> object:
    def rate_of(window: str) -> str:
        return f"({_sum_ratio(_FAILED, _REQUESTS, window)}) / {options.availability_budget:g}"

    return lines(
        "Burn rate of the error budget",
        "How many times faster than evenly over 30 days the budget is used up, by window. A page "
        "is sent above 14.4 (1h) and 6 (6h), a warning above 3 (1d) and 1 (3d).",
        "short",
        tuple(
            Query(rate_of(window), f"{{{{job}}}} {window}") for window in ("1h", "6h", "1d", "3d")
        ),
    )


def _thresholds() -> tuple[object, ...]:
    total, errors = rate(names.HTTP_REQUESTS), rate(names.HTTP_ERRORS)
    duration = names.HTTP_REQUEST_DURATION_SECONDS
    return (
        lines(
            "Error rate",
            "Percent of answers with a status of 400 or above, with the threshold that admins set.",
            "percent",
            (
                Query(f"100 * (sum({errors}) or vector(0)) / sum({total})", "errors"),
                live_threshold("error_rate"),
            ),
        ),
        lines(
            "Mean response time",
            "With the threshold that admins set.",
            "ms",
            (
                Query(
                    f"1000 * sum({rate(duration.sum)}) / sum({rate(duration.count)})",
                    "mean",
                ),
                live_threshold("avg_response_time"),
            ),
        ),
        lines(
            "Slow requests in 5 minutes",
            "Requests of SLOW_REQUEST_MS and more, with the threshold that admins set.",
            "short",
            (
                Query(f"sum({series(f'instance:{recorded.SLOW}')})", "slow requests"),
                live_threshold("slow_request_count"),
            ),
        ),
        lines(
            "Active sessions",
            "With the threshold that admins set.",
            "short",
            (
                Query(f"max({series(names.HTTP_ACTIVE_SESSIONS)})", "sessions"),
                live_threshold("active_sessions"),
            ),
        ),
    )
