"""Checks, their findings and results, and the site's report made of them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The status of a check, or of the site."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    DISABLED = "disabled"  # not configured, which is no fault


GAUGE = {Status.HEALTHY: 1.0, Status.DEGRADED: 0.5, Status.UNHEALTHY: 0.0}

_WORST_LAST = (Status.DISABLED, Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY)
_HIDDEN_HOST = "…"


@dataclass(frozen=True, slots=True)
class Finding:
    """`message` is public: a fixed text that names no host, path, version or exception.

    `details` are further fields of the JSON answer. `memory` is passed to the next run of the check
    in any process. Both must be JSON values.
    """

    status: Status
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


# Runs a part of a check: takes the seconds that it has, and the last finding if there is one.
Probe = Callable[[float, Finding | None], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its public name. Its parts run in parallel; the worst result counts."""

    name: str
    parts: Mapping[str, Probe]
    details: Mapping[str, Any] = field(default_factory=dict)  # of a late or failed result


class CheckError(Exception):
    """Raised by a check with the finding to report. Its `__cause__` goes to the log."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, how long it took (None if nothing was checked), and when it was made.

    `time` is in Unix seconds, for people; `finished` is in monotonic seconds, for comparisons.
    """

    finding: Finding
    duration_ms: float | None
    time: float
    finished: float

    @property
    def status(self) -> Status:
        return self.finding.status


@dataclass(frozen=True, slots=True)
class Report:
    """The site's status and each check's result. `time` is that of the oldest result."""

    status: Status
    time: float
    results: Mapping[str, Result]


def worst(results: Iterable[Result]) -> Result:
    """The worst finding of a check's parts, the longest duration and the earliest times."""
    parts = sorted(results, key=lambda result: _WORST_LAST.index(result.status))
    durations = [part.duration_ms for part in parts if part.duration_ms is not None]
    return Result(
        parts[-1].finding,
        max(durations, default=None),
        min(part.time for part in parts),
        min(part.finished for part in parts),
    )


def site_report(results: Mapping[str, Result], critical: Iterable[str], now: float) -> Report:
    """Unhealthy if a critical check is unhealthy; degraded if any other is not healthy."""
    found = {name: result.status for name, result in results.items()}
    if any(found.get(name) == Status.UNHEALTHY for name in critical):
        status = Status.UNHEALTHY
    elif found.keys() and {Status.UNHEALTHY, Status.DEGRADED} & set(found.values()):
        status = Status.DEGRADED
    else:
        status = Status.HEALTHY
    return Report(status, min((result.time for result in results.values()), default=now), results)


def to_json(report: Report) -> dict[str, Any]:
    return {
        "status": str(report.status),
        "timestamp": report.time,
        "checks": {
            name: {
                "status": str(result.status),
                "message": result.finding.message,
                "duration_ms": result.duration_ms,
                **result.finding.details,
            }
            for name, result in report.results.items()
        },
    }


def to_text(report: Report) -> str:
    """The site's status alone in the first line, then a line for each check."""
    lines = [
        f"{name}: {result.status} ({result.finding.message})"
        for name, result in report.results.items()
    ]
    return "\n".join([str(report.status), *lines, ""])


def has_workers(report: Report) -> bool:
    """Whether the report names Celery's workers."""
    return any(_workers(result) for result in report.results.values())


def for_the_public(report: Report) -> Report:
    """Hide the hosts of Celery's workers (`celery@…`)."""
    return replace(
        report, results={name: _without_hosts(result) for name, result in report.results.items()}
    )


def _workers(result: Result) -> list[str]:
    """Empty if a check of the project has other details by this name."""
    found = result.finding.details.get("workers")
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return found
    return []


def _without_hosts(result: Result) -> Result:
    workers = _workers(result)
    if not workers:
        return result
    hidden = [f"{name.partition('@')[0]}@{_HIDDEN_HOST}" for name in workers]
    details = {**result.finding.details, "workers": hidden}
    return replace(result, finding=replace(result.finding, details=details))
