"""The dashboard of requests by route: rate, errors, duration."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build, query_variable
from grafana.source.panels import Query, buckets, lines, rate, rows, series
from monitoring.metrics import names
from prometheus.source.options import RuleOptions

_CHOSEN = 'route=~"$route",method=~"$method"'
_DURATION = names.HTTP_REQUEST_DURATION_SECONDS


def requests_by_route(options: RuleOptions) -> models.Dashboard:
    return build(
        "django-requests",
        "Requests by route",
        "Rate, errors and duration of each URL template.",
        (
            ("All routes", (_table(),)),
            ("Chosen routes", _red()),
            ("Distribution", _distribution()),
        ),
        options,
        anchor="djangolatencybudgetburn",
        variables=(
            query_variable(
                "route",
                "Route",
                f"label_values({series(names.HTTP_REQUESTS)}, route)",
            ),
            query_variable(
                "method",
                "Method",
                f"label_values({series(names.HTTP_REQUESTS)}, method)",
            ),
        ),
    )


def _table() -> object:
    def by_route(expr: str) -> str:
        return f"sum by (method, route) ({expr})"

    requests = rate(names.HTTP_REQUESTS, _CHOSEN)
    failed = rate(names.HTTP_REQUESTS, f'{_CHOSEN},status=~"5.."')
    slow = rate(names.HTTP_SLOW_REQUESTS, _CHOSEN)
    time = rate(_DURATION.sum, _CHOSEN)
    p95 = f"sum by (method, route, le) ({rate(_DURATION.bucket, _CHOSEN)})"
    return rows(
        "Routes",
        "Every route and method with traffic. Time is the seconds of work that a second of the "
        "clock brings: where workers spend their day.",
        (
            ("Time", "s", by_route(time)),
            ("Requests", "reqps", by_route(requests)),
            ("Failures", "percentunit", f"{by_route(failed)} / {by_route(requests)}"),
            ("Mean", "s", f"{by_route(time)} / {by_route(rate(_DURATION.count, _CHOSEN))}"),
            ("p95", "s", f"histogram_quantile(0.95, {p95})"),
            ("Slow", "reqps", by_route(slow)),
        ),
        link=(
            "This route only",
            "/d/django-requests?var-route=${__value.raw:percentencode}&${datasource:queryparam}"
            "&${job:queryparam}&${instance:queryparam}&${__url_time_range}",
        ),
    )


def _red() -> tuple[object, ...]:
    grouped = f"sum by (le) ({rate(_DURATION.bucket, _CHOSEN)})"
    failed = rate(names.HTTP_REQUESTS, f'{_CHOSEN},status=~"5.."')
    total = rate(names.HTTP_REQUESTS, _CHOSEN)
    exceptions = rate(names.HTTP_EXCEPTIONS, 'route=~"$route"')
    return (
        lines(
            "Rate",
            "Requests in a second by route.",
            "reqps",
            (Query(f"sum by (route) ({total})", "{{route}}"),),
            stacked=True,
        ),
        lines(
            "Failures",
            "Share of each route's requests answered with a status of 500 or above.",
            "percentunit",
            (Query(f"sum by (route) ({failed}) / sum by (route) ({total})", "{{route}}"),),
        ),
        lines(
            "Duration",
            "Percentiles over the chosen routes, interpolated within the buckets of "
            "LATENCY_BUCKETS. Exemplars mark requests.",
            "s",
            tuple(
                Query(f"histogram_quantile({q:g}, {grouped})", f"p{q * 100:g}")
                for q in (0.5, 0.9, 0.95, 0.99)
            ),
            exemplars=True,
        ),
        lines(
            "Statuses",
            "Requests in a second by status code: 4xx are the clients', 5xx the site's.",
            "reqps",
            (Query(f"sum by (status) ({total})", "{{status}}"),),
            stacked=True,
        ),
        lines(
            "Exceptions",
            "Unhandled exceptions in a second by type and route.",
            "ops",
            (
                Query(
                    f"sum by (type, route) ({exceptions})",
                    "{{type}} {{route}}",
                ),
            ),
        ),
        lines(
            "p95 by route",
            "95 of 100 requests of the route are answered within this time.",
            "s",
            (
                Query(
                    "histogram_quantile(0.95, "
                    f"sum by (route, le) ({rate(_DURATION.bucket, _CHOSEN)}))",
                    "{{route}}",
                ),
            ),
        ),
    )


def _distribution() -> tuple[object, ...]:
    chosen = series(_DURATION.bucket, _CHOSEN)
    every = series(names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket)
    return (
        buckets(
            "Durations of the chosen routes",
            "How many requests took how long: bands that part tell of two kinds of requests.",
            f"sum by (le) (increase({chosen}[$__rate_interval]))",
        ),
        buckets(
            "Durations of all requests, fine",
            "As beside, with 16 buckets for each doubling, over all routes.",
            f"sum by (le) (increase({every}[$__rate_interval]))",
        ),
    )
