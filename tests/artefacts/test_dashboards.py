"""Grafana's dashboards: current, and right by every rule of Grafana's dashboard-linter.

The linter (github.com/grafana/dashboard-linter, rules as of commit 4d0844b) is a Go program; its
rules for Prometheus are written anew here, from its documentation. None is excluded. The two for
Loki have nothing to look at.
"""

import re
from typing import Any

import promql_parser as promql
import pytest

from grafana.source.dashboards import dashboard_files
from prometheus.source.options import RuleOptions
from tests.artefacts.queries import (
    DASHBOARDS,
    dashboards,
    nodes,
    panels,
    rules,
    selectors,
    substitute,
)
from tests.paths import ROOT

ALL = dashboards()
PANELS = [(name, panel) for name, dashboard in ALL.items() for panel in panels(dashboard)]
TARGETS = [
    (f"{name}: {panel['title']}", target["expr"])
    for name, panel in PANELS
    for target in panel.get("targets", [])
]
# The units that are used here; the linter knows these and more.
UNITS = {"reqps", "ops", "s", "ms", "percent", "percentunit", "short", "bytes"}


def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def queried(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in variables(dashboard).values() if each["type"] == "query"]


def test_the_files_are_those_that_the_source_makes() -> None:
    committed = {path.name: path.read_text() for path in DASHBOARDS.iterdir()}
    assert committed == dashboard_files(RuleOptions()), "run `make dashboards`"


def test_uids_and_titles_are_fixed_and_each_its_own() -> None:
    assert {dashboard["uid"] for dashboard in ALL.values()} == {
        "django-overview",
        "django-requests",
        "django-workers",
        "django-database-cache",
        "django-celery",
    }
    assert len({dashboard["title"] for dashboard in ALL.values()}) == len(ALL)
    for dashboard in ALL.values():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("name", ALL)
def test_a_dashboard_is_uneditable_in_utc_tagged_and_linked(name: str) -> None:
    dashboard = ALL[name]
    assert dashboard["editable"] is False
    assert dashboard["timezone"] == "utc"
    assert dashboard["tags"] == ["django"]
    others, runbook = dashboard["links"]
    assert others["tags"] == ["django"]
    assert others["keepTime"]
    assert others["includeVars"]
    url, _, anchor = runbook["url"].partition("#")
    assert url == RuleOptions().runbook_url
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert anchor in {"", *(heading.lower() for heading in headings)}


@pytest.mark.parametrize("name", ALL)
def test_its_variables_follow_the_linter(name: str) -> None:
    """template-datasource, -job, -instance, -label-promql, -on-time-change-reload."""
    known = variables(ALL[name])
    source = known["datasource"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert source["label"] == "Data source"
    assert [each["type"] for each in known.values()].count("datasource") == 1
    assert {"job", "instance"} <= set(known)
    for variable in queried(ALL[name]):
        assert variable["label"] == variable["name"].title()
        assert variable["datasource"]["uid"] == "$datasource"
        assert variable["multi"] is True
        assert variable["includeAll"] is True
        assert variable["allValue"] == ".+"
        assert variable["refresh"] == 2
        selector, label = re.fullmatch(  # type: ignore[union-attr]
            r"label_values\((.+), (\w+)\)", variable["query"]["query"]
        ).groups()
        assert selectors(substitute(selector))
        assert label == variable["name"]
        assert "auto" not in variable


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=lambda each: str(each)[:20])
def test_a_panel_follows_the_linter(name: str, panel: dict[str, Any]) -> None:
    """panel-datasource, panel-title-description, panel-units, panel-no-targets."""
    assert panel["datasource"]["uid"] == "$datasource", name
    assert panel["title"]
    assert re.fullmatch(r"[A-Z0-9].+\.", panel["description"])
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert bool(panel.get("targets")) == (panel["type"] != "alertlist")


@pytest.mark.parametrize(("place", "expr"), TARGETS, ids=[place for place, _ in TARGETS])
def test_a_query_follows_the_linter(place: str, expr: str) -> None:
    """target-promql, target-job, target-instance, target-rate-interval, target-counter-agg."""
    ranged = set()
    for node in nodes(substitute(expr)):
        if isinstance(node, promql.Call) and node.func.name in {"rate", "irate", "increase"}:
            ranged |= {selector.text for selector in selectors(node.prettify())}
    for selector in selectors(substitute(expr)):
        assert ("job", "=~", ".+") in selector.matchers
        assert ("instance", "=~", ".+") in selector.matchers
        assert not selector.name.endswith("_total") or selector.text in ranged
    assert expr.count('job=~"$job"') == expr.count('instance=~"$instance"') == expr.count("{")
    for function, window in re.findall(r"\b(i?rate|increase)\([^\[]+\[([^\]]+)\]", expr):
        assert window == "$__rate_interval", function


def test_thresholds_are_lines_and_histograms_have_exemplars() -> None:
    by_title = {(name, panel["title"]): panel for name, panel in PANELS}
    for title, threshold in (
        ("Error rate", "error_rate"),
        ("Mean response time", "avg_response_time"),
        ("Slow requests in 5 minutes", "slow_request_count"),
        ("Active sessions", "active_sessions"),
    ):
        lines = [
            target
            for (name, panel_title), panel in by_title.items()
            if (name, panel_title) == ("overview.json", title)
            for target in panel["targets"]
            if target["legendFormat"] == "threshold"
        ]
        assert len(lines) == 1
        assert f'name="{threshold}"' in lines[0]["expr"]
    heatmap = by_title["requests.json", "Durations of the chosen routes"]
    assert heatmap["type"] == "heatmap"
    assert heatmap["targets"][0]["format"] == "heatmap"
    assert heatmap["targets"][0]["exemplar"] is True
    assert by_title["requests.json", "Duration"]["targets"][0]["exemplar"] is True
    alert_list = by_title["overview.json", "Alerts"]
    assert all(
        rule["alert"].startswith(alert_list["options"]["alertName"]) for rule in rules("alert")
    )


def test_panels_do_not_overlap_and_fit_the_grid() -> None:
    for name, dashboard in ALL.items():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {
                (column, row)
                for column in range(place["x"], place["x"] + place["w"])
                for row in range(place["y"], place["y"] + place["h"])
            }
            assert max(column for column, _ in cells) < 24, (name, panel["title"])
            assert not taken & cells, (name, panel["title"])
            taken |= cells
