"""Renders the rule groups as Prometheus's rule files."""

from collections.abc import Iterable
from typing import Any

import yaml

from prometheus.source.dependencies import dependency_groups
from prometheus.source.objectives import objective_groups
from prometheus.source.options import RuleOptions
from prometheus.source.recording import recording_groups
from prometheus.source.resources import resource_groups
from prometheus.source.rule import Alert, Group, Recording, runbook_anchor

_HEADER = "# Made by `make rules` from prometheus/source/: change that, or give its options.\n"


def rule_files(options: RuleOptions) -> dict[str, str]:
    """The text of each rule file by its name. An adopter may leave out files of alerts."""
    files = {
        "recording.yml": recording_groups(options),
        "objectives.yml": objective_groups(options),
        "resources.yml": resource_groups(options),
        "dependencies.yml": dependency_groups(options),
    }
    return {name: _text(groups, options) for name, groups in files.items()}


def _text(groups: Iterable[Group], options: RuleOptions) -> str:
    document = {
        "groups": [
            {"name": group.name, "rules": [_rule(rule, options) for rule in group.rules]}
            for group in groups
        ]
    }
    dumped: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)
    return _HEADER + dumped


def _rule(rule: Recording | Alert, options: RuleOptions) -> dict[str, Any]:
    if isinstance(rule, Recording):
        recording: dict[str, Any] = {"record": rule.record, "expr": rule.expr}
        if rule.labels:
            recording["labels"] = dict(rule.labels)
        return recording
    alert: dict[str, Any] = {"alert": rule.name, "expr": rule.expr, "for": rule.wait}
    if rule.keep_firing:
        alert["keep_firing_for"] = rule.keep_firing
    alert["labels"] = {"severity": rule.severity, **rule.labels}
    alert["annotations"] = {
        "summary": rule.summary,
        "description": rule.description,
        "runbook_url": f"{options.runbook_url}#{runbook_anchor(rule.name)}",
    }
    return alert


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a YAML block, so that expressions are readable."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


_Dumper.add_representer(str, _represent_text)
