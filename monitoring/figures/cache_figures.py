"""Computes the figures of `/api/metrics/cache/` from the increases of a window. Pure."""

from collections.abc import Sequence
from typing import Any

from monitoring.merging.layout import Line
from monitoring.metrics import names
from monitoring.metrics.cache_families import ERROR, GET, HIT, MISS, OK


def cache_figures(
    lines: Sequence[Line], added: Sequence[float], aliases: Sequence[str]
) -> dict[str, Any]:
    """Totals, and figures for each alias; `added[i]` is the increase of `lines[i]` in the window.

    `sets` counts the keys stored by `set` and `add`, `deletes` those that `delete` was called for.
    """
    counts: dict[str, dict[tuple[str, str], float]] = {alias: {} for alias in aliases}
    for line, amount in zip(lines, added, strict=True):
        if line.name == names.CACHE_OPERATIONS:
            labels = dict(line.labels)
            key = labels["operation"], labels["result"]
            of_alias = counts.setdefault(labels["alias"], {})
            of_alias[key] = of_alias.get(key, 0.0) + float(amount)
    per_alias = {alias: _figures(found) for alias, found in counts.items()}
    hits = sum(figures["hits"] for figures in per_alias.values())
    misses = sum(figures["misses"] for figures in per_alias.values())
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate": hit_rate(hits, misses),
        "per_alias": per_alias,
    }


def _figures(counts: dict[tuple[str, str], float]) -> dict[str, Any]:
    hits, misses = int(counts.get((GET, HIT), 0)), int(counts.get((GET, MISS), 0))
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate": hit_rate(hits, misses),
        "sets": int(counts.get(("set", OK), 0) + counts.get(("add", OK), 0)),
        "deletes": int(counts.get(("delete", OK), 0)),
        "errors": int(sum(n for (_, result), n in counts.items() if result == ERROR)),
    }


def hit_rate(hits: int, misses: int) -> float | None:
    """Percent of the reads that found their key; None without a read."""
    return 100.0 * hits / (hits + misses) if hits + misses else None
