"""The names, bounds and defaults of the thresholds that alerts compare with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_LARGEST = 1e12


@dataclass(frozen=True, slots=True)
class Definition:
    """A threshold: `field` of the summary may not exceed it.

    `is_guarded` figures say nothing about a few requests: they need ALERT_MIN_REQUESTS.
    """

    field: str
    default: float | None
    unit: str
    is_guarded: bool
    severity: Literal["critical", "warning", "info"]
    highest: float = _LARGEST


DEFINITIONS: Mapping[str, Definition] = {
    "error_rate": Definition("error_rate", 10.0, "percent", True, "critical", highest=100.0),
    "server_error_rate": Definition(
        "server_error_rate", None, "percent", True, "critical", highest=100.0
    ),
    "avg_response_time": Definition("avg_response_time", 2000.0, "ms", True, "warning"),
    "p95_response_time": Definition("p95_response_time", None, "ms", True, "warning"),
    "slow_request_count": Definition("slow_requests_count", 50.0, "requests", False, "warning"),
    "active_sessions": Definition("active_sessions", 1000.0, "sessions", False, "info"),
}
