"""Reads the current state of the databases: connections, tables, and pools of all workers."""

from time import monotonic
from typing import Any

from monitoring.backing_services.database_inspection import Inspection, inspect
from monitoring.backing_services.database_probe import ask, configured_aliases
from monitoring.merging.merge import Merged
from monitoring.metrics import names

_POOL_FIGURES = {
    "requests": names.family_of(names.DB_POOL_REQUESTS),
    "requests_queued": names.family_of(names.DB_POOL_REQUESTS_QUEUED),
    "request_errors": names.family_of(names.DB_POOL_REQUEST_ERRORS),
    "requests_waiting": names.DB_POOL_REQUESTS_WAITING,
}


def database_state(merged: Merged, seconds: float) -> dict[str, Any]:
    """`connections` by alias, and `tables`, largest first.

    Raises DatabaseUnavailableError after `seconds` at the latest.
    """
    deadline = monotonic() + seconds
    found = {
        alias: ask(alias, inspect, max(deadline - monotonic(), 0.0))
        for alias in configured_aliases()
    }
    return {
        "connections": {
            alias: _connections(alias, inspection, merged) for alias, inspection in found.items()
        },
        "tables": [
            {
                "alias": alias,
                "name": table.name,
                "total_bytes": table.total_bytes,
                "table_bytes": table.table_bytes,
                "index_bytes": table.index_bytes,
                "row_estimate": table.row_estimate,
            }
            for alias, inspection in found.items()
            for table in inspection.tables
        ],
    }


def _connections(alias: str, inspection: Inspection, merged: Merged) -> dict[str, Any]:
    return {
        "vendor": inspection.vendor,
        "in_use": inspection.in_use,
        "idle": inspection.idle,
        "max": inspection.max,
        "states": inspection.states,
        "pages": inspection.pages,
        "pool": _pool(alias, merged),
    }


def _pool(alias: str, merged: Merged) -> dict[str, float] | None:
    """The totals of all processes' pools; None without a pool."""
    states = {
        labels["state"]: int(value)
        for line, value in merged.samples(names.DB_POOL_CONNECTIONS)
        if (labels := dict(line.labels))["alias"] == alias
    }
    if not states:
        return None
    pool: dict[str, float] = dict(states)
    for name, family in _POOL_FIGURES.items():
        pool[name] = int(_of_alias(family, alias, merged))
    waited = names.family_of(names.DB_POOL_WAIT_SECONDS)
    pool["wait_ms"] = 1000 * _of_alias(waited, alias, merged)
    return pool


def _of_alias(family: str, alias: str, merged: Merged) -> float:
    return sum(
        value for line, value in merged.samples(family) if dict(line.labels).get("alias") == alias
    )
