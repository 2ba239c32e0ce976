"""Computes the figures of `/api/metrics/database/` from the increases of a window. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from monitoring.figures.quantile import buckets_of, middle_quantile, reasons
from monitoring.merging.layout import Line
from monitoring.metrics import names
from monitoring.metrics.foreign_families import foreign


def database_figures(lines: Sequence[Line], added: Sequence[float]) -> dict[str, Any]:
    """`added[i]` is the increase of `lines[i]` in the window. Times are in milliseconds.

    `query_count` counts calls of execute and executemany; `statement_count` counts each item of an
    executemany. A mean or percentile without an observation is None; `unavailable` says why it is
    None otherwise.
    """
    totals, buckets = _totals(lines, added)
    queries = totals[foreign(names.DJANGO_DB_QUERY_DURATION_SECONDS.count)]
    seconds = totals[foreign(names.DJANGO_DB_QUERY_DURATION_SECONDS.sum)]
    in_requests = totals[names.HTTP_REQUEST_QUERIES.sum]
    requests = totals[names.HTTP_REQUEST_QUERIES.count]
    duration = buckets_of(buckets)
    p95 = middle_quantile(0.95, duration)
    return {
        "query_count": int(queries),
        "statement_count": int(totals[foreign(names.DJANGO_DB_EXECUTE)]),
        "error_count": int(totals[foreign(names.DJANGO_DB_ERRORS)]),
        "total_execution_time": 1000 * seconds,
        "avg_execution_time": 1000 * seconds / queries if queries else None,
        "p95_execution_time": None if math.isnan(p95) else 1000 * p95,
        "queries_per_request": in_requests / requests if requests else None,
        "slow_queries_count": int(totals[names.DB_SLOW_QUERIES]),
        "repeated_queries_count": int(totals[names.DB_REPEATED_QUERIES]),
        "unavailable": reasons({"p95_execution_time": 0.95}, duration),
    }


class _Totals(dict[str, float]):
    def __missing__(self, name: str) -> float:
        return 0.0


def _totals(
    lines: Sequence[Line], added: Sequence[float]
) -> tuple[Mapping[str, float], list[tuple[float, float]]]:
    """Sums by sample name, and the buckets of all queries as (upper bound, cumulative count)."""
    totals = _Totals()
    buckets: list[tuple[float, float]] = []
    for line, amount in zip(lines, added, strict=True):
        if line.name == names.DB_QUERY_DURATION_HIGHR_SECONDS.bucket:
            buckets.append((float(dict(line.labels)["le"]), float(amount)))
        else:
            totals[line.name] += float(amount)
    return totals, buckets
