"""Builds a dashboard around its panels (variables, links, annotations), and writes it as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from grafana.source.panels import DATA_SOURCE
from monitoring.metrics import names
from prometheus.source.options import RuleOptions

TAG = "django"
# Both the exporter and the in-app endpoint always expose it.
_ALWAYS_THERE = names.MONITORING_FILES

Section = tuple[str, Sequence[Any]]


def build(
    uid: str,
    title: str,
    description: str,
    sections: Sequence[Section],
    options: RuleOptions,
    *,
    anchor: str = "",
    variables: Sequence[dashboard.QueryVariable] = (),
) -> models.Dashboard:
    """A dashboard of rows of panels. `anchor` is the runbook section that it links to."""
    built = (
        dashboard.Dashboard(f"Django / {title}")
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("utc")
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        .with_variable(query_variable("job", "Job", f"label_values({_ALWAYS_THERE}, job)"))
        .with_variable(
            query_variable(
                "instance", "Instance", f'label_values({_ALWAYS_THERE}{{job=~"$job"}}, instance)'
            )
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Alerts")
            .datasource(DATA_SOURCE)
            .enable(True)
            .icon_color("red")
            .expr('ALERTS{alertname=~"Django.*",alertstate="firing",job=~"$job"}')
        )
        .link(
            dashboard.DashboardLink("Django")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink("Runbook")
            .type(models.DashboardLinkType.LINK)
            .icon("doc")
            .url(f"{options.runbook_url}{anchor and '#'}{anchor}")
            .target_blank(True)
        )
    )
    for variable in variables:
        built = built.with_variable(variable)
    for heading, panels in sections:
        built = built.with_row(dashboard.Row(heading))
        for panel in panels:
            built = built.with_panel(panel)
    return built.build()


def query_variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A variable for several label values; all are selected at first."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query({"query": query, "refId": f"variable-{name}", "qryType": 1})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def to_json(built: models.Dashboard) -> str:
    """The text of the file that Grafana loads."""
    document: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    for variable in document["templating"]["list"]:
        # The SDK adds these fields of interval variables to every variable.
        for stray in ("auto", "auto_min", "auto_count"):
            variable.pop(stray, None)
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
