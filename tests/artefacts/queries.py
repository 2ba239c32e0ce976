"""Every PromQL query of the rules and dashboards, and what it names."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as promql
import yaml

from tests.paths import ROOT

RULES = ROOT / "prometheus" / "rules"
DASHBOARDS = ROOT / "grafana" / "dashboards"

# What Grafana puts in for its variables when everything is chosen.
_VARIABLES = {
    "$__rate_interval": "1m",
    "$job": ".+",
    "$instance": ".+",
    "$route": ".+",
    "$method": ".+",
}

_OPERATORS = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)


@dataclass(frozen=True)
class Query:
    """An expression, and where it stands."""

    place: str
    expr: str


@dataclass(frozen=True)
class Names:
    """A selector or a grouping: the metrics and labels it names."""

    metrics: frozenset[str]
    labels: frozenset[str]


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules with this key: `alert` or `record`."""
    return [
        rule
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something: rows are headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def rule_queries(kind: str) -> list[Query]:
    return [Query(rule[kind], rule["expr"]) for rule in rules(kind)]


def panel_queries() -> list[Query]:
    return [
        Query(f"{name}: {panel['title']}: {target['legendFormat']}", substitute(target["expr"]))
        for name, dashboard in dashboards().items()
        for panel in panels(dashboard)
        for target in panel.get("targets", [])
    ]


def substitute(expr: str) -> str:
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def nodes(expr: str) -> list[Any]:
    """Every node of the expression's syntax tree. Raises ValueError if it does not parse."""
    found: list[Any] = []
    promql.walk(promql.parse(expr), found.append)
    return found


@dataclass(frozen=True)
class Selector:
    """A metric and its matchers, as (label, operator, value), in the labels' order."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @property
    def text(self) -> str:
        inside = ",".join(
            f"{label}{operator}{json.dumps(value)}" for label, operator, value in self.matchers
        )
        return f"{self.name}{{{inside}}}"


def selectors(expr: str) -> list[Selector]:
    found: dict[Selector, None] = {}
    for node in nodes(expr):
        vector = node.vector_selector if isinstance(node, promql.MatrixSelector) else node
        if isinstance(vector, promql.VectorSelector):
            matchers = [
                (each.name, next(text for op, text in _OPERATORS if op == each.op), each.value)
                for each in vector.matchers.matchers
            ]
            found[Selector(vector.name or "", tuple(sorted(matchers)))] = None
    return list(found)


def metrics(expr: str) -> set[str]:
    return {selector.name for selector in selectors(expr)}


def groupings(expr: str) -> Iterator[Names]:
    """The labels of `by`, `without`, `on` and `ignoring`, with the metrics they are applied to."""
    for node in nodes(expr):
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql.AggregateExpr) and modifier is not None:
            labels = modifier.labels
        elif isinstance(node, promql.BinaryExpr) and modifier is not None:
            labels = modifier.matching.labels if modifier.matching else ()
        else:
            continue
        if labels:
            yield Names(frozenset(metrics(node.prettify())), frozenset(labels))


def family(metric: str) -> str:
    """A histogram's name without its sample's suffix."""
    return re.sub(r"_(bucket|count|sum)$", "", metric)
