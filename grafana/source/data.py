"""Database and cache."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build
from grafana.source.panels import Query, lines, rate
from prometheus.source.settings import Settings


def database_and_cache(settings: Settings) -> models.Dashboard:
    return build(
        "django-database-cache",
        "Database and cache",
        "Queries, connections and cache reads, as the application makes them.",
        (("Database", _database()), ("Cache", _cache())),
        settings,
        anchor="djangoslowqueries",
    )


def _database() -> tuple[object, ...]:
    spread = f"sum by (alias, le) ({rate('django_db_query_duration_seconds_bucket')})"
    per_request = (
        f"sum({rate('http_request_queries_sum')}) / sum({rate('http_request_queries_count')})"
    )
    return (
        lines(
            "Queries",
            "Queries in a second by alias.",
            "ops",
            (
                Query(
                    f"sum by (alias) ({rate('django_db_query_duration_seconds_count')})",
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
                    f"sum by (alias, type) ({rate('django_db_errors_total')})",
                    "{{alias}} {{type}}",
                ),
                Query(
                    f"sum by (alias) ({rate('django_db_new_connection_errors_total')})",
                    "{{alias}} connections",
                ),
            ),
        ),
        lines(
            "Slow queries",
            "Slow queries in a second; the slow query log has them, without their values.",
            "ops",
            (Query(f"sum by (alias) ({rate('db_slow_queries_total')})", "{{alias}}"),),
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
            (Query(f"sum by (alias) ({rate('django_db_new_connections_total')})", "{{alias}}"),),
        ),
    )


def _cache() -> tuple[object, ...]:
    reads = f"sum by (backend) ({rate('django_cache_get_total')})"
    return (
        lines(
            "Hit rate",
            "Share of reads that found something.",
            "percentunit",
            (
                Query(
                    f"sum by (backend) ({rate('django_cache_get_hits_total')}) / {reads}",
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
                    f"sum by (backend) ({rate('django_cache_get_hits_total')})",
                    "{{backend}} hits",
                ),
                Query(
                    f"sum by (backend) ({rate('django_cache_get_misses_total')})",
                    "{{backend}} misses",
                ),
            ),
            stacked=True,
        ),
        lines(
            "Failed reads",
            "Reads in a second that raised an error. Should be 0.",
            "ops",
            (Query(f"sum by (backend) ({rate('django_cache_get_fail_total')})", "{{backend}}"),),
        ),
    )
