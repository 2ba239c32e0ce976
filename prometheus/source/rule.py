"""What rules are made of, as Prometheus's rule files have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule, named `level:metric:operations`."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule. `description` is a Go template; the summary is a fixed sentence."""

    name: str
    severity: Severity
    expr: str
    wait: str
    summary: str
    description: str
    labels: Mapping[str, str] = field(default_factory=dict)
    # Keeps an alert that comes and goes from being sent again and again.
    keep_firing: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in this order."""

    name: str
    rules: tuple[Recording | Alert, ...]


def runbook_anchor(alert_name: str) -> str:
    """A heading's anchor, as GitHub, GitLab and Grafana's Markdown make it."""
    return alert_name.lower()
