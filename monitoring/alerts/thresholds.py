"""The thresholds of alerts: their definitions, current values and changes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from monitoring.models import Threshold, ThresholdChange

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
    "error_rate": Definition("error_rate", 10.0, "percent", True, "critical", highest=100.0),
    "server_error_rate": Definition(
        "server_error_rate", None, "percent", True, "critical", highest=100.0
    ),
    "avg_response_time": Definition("avg_response_time", 2000.0, "ms", True, "warning"),
    "p95_response_time": Definition("p95_response_time", None, "ms", True, "warning"),
    "slow_request_count": Definition("slow_requests_count", 50.0, "requests", False, "warning"),
    "active_sessions": Definition("active_sessions", 1000.0, "sessions", False, "info"),
}


class InvalidThresholdsError(Exception):
    """`fields` has the problems by threshold name. Nothing was changed."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()))
        self.fields = fields


def current_thresholds() -> dict[str, float | None]:
    """Every threshold as stored in the database now; None if it is off."""
    stored = dict(Threshold.objects.values_list("name", "value"))
    return {name: stored.get(name, definition.default) for name, definition in DEFINITIONS.items()}


def change_thresholds(given: object, user: Any) -> dict[str, float | None]:
    """Set all given thresholds or none, and record who did it; returns every threshold.

    Raises InvalidThresholdsError for an unknown name or a value that is not allowed.
    """
    wanted = check_thresholds(given)
    store_defaults()
    with transaction.atomic():
        # Locks all rows, with SQLite too, so that simultaneous changes are serialised.
        Threshold.objects.update(value=F("value"))
        before = current_thresholds()
        now = timezone.now()
        for name, value in wanted.items():
            if before[name] != value:
                Threshold.objects.filter(name=name).update(value=value)
                ThresholdChange.objects.create(
                    name=name,
                    old_value=before[name],
                    new_value=value,
                    changed_by=user,
                    changed_at=now,
                )
    return before | wanted


def store_defaults() -> None:
    """Create the missing rows, with the defaults."""
    missing = set(DEFINITIONS) - set(Threshold.objects.values_list("name", flat=True))
    if missing:
        Threshold.objects.bulk_create(
            [Threshold(name=name, value=DEFINITIONS[name].default) for name in sorted(missing)],
            ignore_conflicts=True,
        )


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
