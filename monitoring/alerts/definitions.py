"""The thresholds by name: their defaults and bounds, and when a figure is above one. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ERROR_RATE = "error_rate"
SERVER_ERROR_RATE = "server_error_rate"
AVG_RESPONSE_TIME = "avg_response_time"
P95_RESPONSE_TIME = "p95_response_time"
SLOW_REQUEST_COUNT = "slow_request_count"
ACTIVE_SESSIONS = "active_sessions"

_LARGEST = 1e12


@dataclass(frozen=True, slots=True)
class Definition:
    """A limit for `field` of the summary.

    `is_guarded` figures mean little for a few requests: they need ALERT_MIN_REQUESTS requests.
    """

    field: str
    default: float | None
    unit: str
    is_guarded: bool
    severity: Literal["critical", "warning", "info"]
    highest: float = _LARGEST


DEFINITIONS: Mapping[str, Definition] = {
    ERROR_RATE: Definition("error_rate", 10.0, "percent", True, "critical", highest=100.0),
    SERVER_ERROR_RATE: Definition(
        "server_error_rate", None, "percent", True, "critical", highest=100.0
    ),
    AVG_RESPONSE_TIME: Definition("avg_response_time", 2000.0, "ms", True, "warning"),
    P95_RESPONSE_TIME: Definition("p95_response_time", None, "ms", True, "warning"),
    SLOW_REQUEST_COUNT: Definition("slow_requests_count", 50.0, "requests", False, "warning"),
    ACTIVE_SESSIONS: Definition("active_sessions", 1000.0, "sessions", False, "info"),
}


class InvalidThresholdsError(Exception):
    """`fields` has the problems by threshold name. Nothing was changed."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()))
        self.fields = fields


def check_thresholds(given: object) -> dict[str, float | None]:
    """The given thresholds as floats. Raises InvalidThresholdsError with every problem."""
    if not isinstance(given, Mapping):
        raise InvalidThresholdsError(
            {"thresholds": [f"an object with some of {', '.join(DEFINITIONS)} is needed"]}
        )
    problems: dict[str, list[str]] = {}
    wanted: dict[str, float | None] = {}
    for name, value in given.items():
        definition = DEFINITIONS.get(name)
        if definition is None:
            problems[str(name)[:100]] = [f"unknown; allowed are {', '.join(DEFINITIONS)}"]
        elif value is None:
            wanted[name] = None
        elif not _is_allowed(value, definition):
            problems[name] = [
                f"allowed is a number from 0 to {definition.highest:g} ({definition.unit}),"
                " or null to switch it off"
            ]
        else:
            wanted[name] = float(value)
    if problems:
        raise InvalidThresholdsError(problems)
    return wanted


def _is_allowed(value: object, definition: Definition) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= definition.highest and math.isfinite(value)


def is_above(
    definition: Definition,
    figures: Mapping[str, Any],
    threshold: float | None,
    minimum_requests: int,
) -> bool | None:
    """Whether the summary's figure is above its threshold; None if that cannot be judged.

    Nothing is above a threshold that is off (None). A guarded figure that is missing, or that
    stands for fewer than `minimum_requests` requests, is not above either.
    """
    value = figures[definition.field]
    if value is None:
        return False if definition.is_guarded else None
    enough = (figures["request_count"] or 0) >= minimum_requests
    return threshold is not None and value > threshold and (enough or not definition.is_guarded)
