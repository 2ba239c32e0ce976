"""The parts of Prometheus's rule files: recording rules, alerts and groups."""

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
    # Prevents repeated messages about an alert that comes and goes.
    keep_firing: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in this order."""

    name: str
    rules: tuple[Recording | Alert, ...]


def runbook_anchor(alert_name: str) -> str:
    """The anchor of the alert's heading in GitHub's, GitLab's and Grafana's Markdown."""
    return alert_name.lower()
