"""The dashboard of databases and caches."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build
from grafana.source.panels import Query, lines, rate
from monitoring.metrics import names
from prometheus.source.options import RuleOptions


def database_and_cache(options: RuleOptions) -> models.Dashboard:
    return build(
        "django-database-cache",
        "Database and cache",
        "Queries, connections and cache reads, as the application makes them.",
        (("Database", _database()), ("Cache", _cache())),
        options,
        anchor="djangoslowqueries",
    )


def _database() -> tuple[object, ...]:
    spread = f"sum by (alias, le) ({rate(names.DJANGO_DB_QUERY_DURATION_SECONDS.bucket)})"
    by_request = names.HTTP_REQUEST_QUERIES
    per_request = f"sum({rate(by_request.sum)}) / sum({rate(by_request.count)})"
    return (
        lines(
            "Queries",
            "Queries in a second by alias.",
            "ops",
            (
                Query(
                    f"sum by (alias) ({rate(names.DJANGO_DB_QUERY_DURATION_SECONDS.count)})",
                    "{{alias}}",
                ),
            ),
        ),
        lines(
            "Query time",
            "Percentiles of the time of a query.",
            "s",
            tuple(
                Query(f"histogram_quantile({q:g}, {spread})", f"{{{{alias}}}} p{q * 100:g}")
                for q in (0.5, 0.95, 0.99)
            ),
            exemplars=True,
        ),
        lines(
            "Errors",
            "Failed queries in a second by type, and connections that could not be made.",
            "ops",
            (
                Query(
                    f"sum by (alias, type) ({rate(names.DJANGO_DB_ERRORS)})",
                    "{{alias}} {{type}}",
                ),
                Query(
                    f"sum by (alias) ({rate(names.DJANGO_DB_NEW_CONNECTION_ERRORS)})",
                    "{{alias}} connections",
                ),
            ),
        ),
        lines(
            "Slow queries",
            "Slow queries in a second; the slow query log has them, without their values.",
            "ops",
            (Query(f"sum by (alias) ({rate(names.DB_SLOW_QUERIES)})", "{{alias}}"),),
        ),
        lines(
            "Queries for each request",
            "On average. Much above 10 often means a query in a loop.",
            "short",
            (Query(per_request, "queries"),),
        ),
        lines(
            "New connections",
            "Connections opened in a second: near the rate of requests, CONN_MAX_AGE is 0.",
            "ops",
            (Query(f"sum by (alias) ({rate(names.DJANGO_DB_NEW_CONNECTIONS)})", "{{alias}}"),),
        ),
    )


def _cache() -> tuple[object, ...]:
    reads = f"sum by (backend) ({rate(names.DJANGO_CACHE_GET)})"
    return (
        lines(
            "Hit rate",
            "Share of reads that found something.",
            "percentunit",
            (
                Query(
                    f"sum by (backend) ({rate(names.DJANGO_CACHE_GET_HITS)}) / {reads}",
                    "{{backend}}",
                ),
            ),
        ),
        lines(
            "Reads",
            "Reads in a second, found or not.",
            "ops",
            (
                Query(
                    f"sum by (backend) ({rate(names.DJANGO_CACHE_GET_HITS)})",
                    "{{backend}} hits",
                ),
                Query(
                    f"sum by (backend) ({rate(names.DJANGO_CACHE_GET_MISSES)})",
                    "{{backend}} misses",
                ),
            ),
            stacked=True,
        ),
        lines(
            "Failed reads",
            "Reads in a second that raised an error. Should be 0.",
            "ops",
            (Query(f"sum by (backend) ({rate(names.DJANGO_CACHE_GET_FAIL)})", "{{backend}}"),),
        ),
    )
