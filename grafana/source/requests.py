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
            ("Percentiles by route", _percentiles_by_route()),
            ("Where the time goes", _spent()),
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
    database = rate(names.HTTP_REQUEST_DB_SECONDS, _CHOSEN)
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
            ("Database", "percentunit", f"{by_route(database)} / {by_route(time)}"),
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
    )


def _percentiles_by_route() -> tuple[object, ...]:
    native = f"sum by (route) ({rate(_DURATION.family, _CHOSEN)})"
    classic = f"sum by (route, le) ({rate(_DURATION.bucket, _CHOSEN)})"
    return tuple(
        lines(
            f"p{of_100} by route",
            f"{of_100} of 100 requests of the route are answered within this time: to 4 % where "
            "the data source stores native histograms, else interpolated within LATENCY_BUCKETS.",
            "s",
            (
                Query(
                    f"histogram_quantile({of_100 / 100:g}, {native}) "
                    f"or histogram_quantile({of_100 / 100:g}, {classic})",
                    "{{route}}",
                ),
            ),
        )
        for of_100 in (50, 95, 99)
    )


def _spent() -> tuple[object, ...]:
    time = rate(_DURATION.sum, _CHOSEN)
    database = rate(names.HTTP_REQUEST_DB_SECONDS, _CHOSEN)
    queries = rate(names.HTTP_REQUEST_DB_QUERIES, _CHOSEN)
    requests = rate(_DURATION.count, _CHOSEN)
    calls = names.OUTGOING_HTTP_REQUEST_DURATION_SECONDS
    subjects = {
        "database": names.HTTP_REQUEST_DB_SECONDS,
        "cache": names.HTTP_REQUEST_CACHE_SECONDS,
        "outgoing": names.HTTP_REQUEST_OUTGOING_SECONDS,
    }
    return (
        lines(
            "Shares of the time",
            "Of the time of the chosen routes: database queries, cache operations, outgoing HTTP "
            "calls. What overlaps adds up, so it may be above 100 %.",
            "percentunit",
            tuple(
                Query(f"sum({rate(name, _CHOSEN)}) / sum({time})", subject)
                for subject, name in subjects.items()
            ),
        ),
        lines(
            "Database share by route",
            "The part of each route's time in database queries.",
            "percentunit",
            (Query(f"sum by (route) ({database}) / sum by (route) ({time})", "{{route}}"),),
        ),
        lines(
            "Queries for each request by route",
            "On average. Much above 10 often means a query in a loop.",
            "short",
            (
                Query(
                    f"sum by (route) ({queries}) / sum by (route) ({requests})",
                    "{{route}}",
                ),
            ),
        ),
        lines(
            "Outgoing calls",
            "HTTP calls of the site in a second by host and class of the answer; error: no answer.",
            "reqps",
            (
                Query(
                    f"sum by (host, status_class) ({rate(calls.count)})",
                    "{{host}} {{status_class}}",
                ),
            ),
            stacked=True,
        ),
        lines(
            "Outgoing calls, p95 by host",
            "95 of 100 calls have the headers of their answer within this time.",
            "s",
            (
                Query(
                    f"histogram_quantile(0.95, sum by (host, le) ({rate(calls.bucket)}))",
                    "{{host}}",
                ),
            ),
        ),
    )


def _distribution() -> tuple[object, ...]:
    chosen = series(_DURATION.bucket, _CHOSEN)
    native = series(_DURATION.family, _CHOSEN)
    every = series(names.HTTP_REQUEST_DURATION_HIGHR_SECONDS.bucket)
    return (
        buckets(
            "Durations of the chosen routes",
            "How many requests took how long: bands that part tell of two kinds of requests.",
            f"sum by (le) (increase({chosen}[$__rate_interval]))",
        ),
        buckets(
            "Durations of the chosen routes, fine",
            "With 16 buckets for each doubling. Only where the data source stores native "
            "histograms.",
            f"sum (increase({native}[$__rate_interval]))",
        ),
        buckets(
            "Durations of all requests, fine",
            "With 16 buckets for each doubling, over all routes.",
            f"sum by (le) (increase({every}[$__rate_interval]))",
        ),
    )
