"""The panels of the dashboards: one data source, one look, a description on each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    gauge,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from monitoring.metrics import names

DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="$datasource")
_WHERE = 'job=~"$job",instance=~"$instance"'
_THRESHOLD_COLOUR = "dark-red"


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the legend of its series. `threshold` draws it as a dashed line."""

    expr: str
    legend: str
    threshold: bool = False


def series(name: str, matchers: str = "") -> str:
    """A selector with the dashboard's variables."""
    return f"{name}{{{_WHERE}{',' if matchers else ''}{matchers}}}"


def rate(name: str, matchers: str = "") -> str:
    return f"rate({series(name, matchers)}[$__rate_interval])"


def live_threshold(name: str) -> Query:
    """A threshold that admins set at run time, as a line."""
    selector = series(names.MONITORING_THRESHOLD, f'name="{name}"')
    return Query(f"max({selector})", "threshold", threshold=True)


class _Panel(Protocol):
    """The methods that every panel builder of the SDK has."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: models.DataSourceRef) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def with_target(self, target: Any) -> Self: ...


def _target(query: Query, number: int) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + number))
    )


def _common(panel: _Panel, title: str, description: str, unit: str, width: int, height: int) -> Any:
    return (
        panel.title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .span(width)
        .height(height)
    )


def lines(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    stacked: bool = False,
    exemplars: bool = False,
) -> timeseries.Panel:
    """Lines over time. `exemplars` shows the exemplars of single requests."""
    panel: timeseries.Panel = _common(timeseries.Panel(), title, description, unit, 12, 8)
    panel = (
        panel.min(0)
        .line_width(1)
        .fill_opacity(30 if stacked else 8)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.TABLE)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["mean", "max", "lastNotNull"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(
            common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
        )
    for number, query in enumerate(queries):
        panel = panel.with_target(_target(query, number).exemplar(exemplars))
        if query.threshold:
            panel = panel.override_by_name(query.legend, _threshold_look())
    return panel


def _threshold_look() -> list[models.DynamicConfigValue]:
    return [
        models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": _THRESHOLD_COLOUR}),
        models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
        models.DynamicConfigValue("custom.fillOpacity", 0),
        models.DynamicConfigValue("custom.stacking", {"mode": "none"}),
    ]


def _steps(limits: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    """Colours by lower bound; the first bound is None."""
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value, colour) for value, colour in limits])
    )


def number(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    colours: Sequence[tuple[float | None, str]] = ((None, "blue"),),
    decimals: int | None = None,
) -> stat.Panel:
    """One figure, with a graph of its past behind it."""
    panel: stat.Panel = _common(stat.Panel(), title, description, unit, 4, 4)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return (
        panel.with_target(_target(query, 0))
        .thresholds(_steps(colours))
        .color_mode(common_models.BigValueColorMode.VALUE)
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )


def dial(
    title: str,
    description: str,
    query: Query,
    colours: Sequence[tuple[float | None, str]],
) -> gauge.Panel:
    """A gauge for a ratio from 0 to 1."""
    panel: gauge.Panel = _common(gauge.Panel(), title, description, "percentunit", 12, 6)
    return (
        panel.with_target(_target(query, 0))
        .min(0)
        .max(1)
        .thresholds(_steps(colours))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no data")
    )


def buckets(title: str, description: str, expr: str, *, width: int = 12) -> heatmap.Panel:
    """A heatmap of a histogram. `expr` gives one series for each `le`, in seconds."""
    panel: heatmap.Panel = _common(heatmap.Panel(), title, description, "short", width, 8)
    return (
        panel.with_target(
            _target(Query(expr, "{{le}}"), 0)
            .exemplar(True)
            .format(prometheus_models.PromQueryFormat.HEATMAP)
        )
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_models.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(64)
        )
        .show_value(common_models.VisibilityMode.NEVER)
    )


def rows(
    title: str,
    description: str,
    columns: Sequence[tuple[str, str, str]],
    *,
    hidden: Sequence[str] = (),
    link: tuple[str, str] | None = None,
) -> table.Panel:
    """A table of instant queries that are merged by labels. Columns are (name, unit, expr).

    `link` is a title and a URL that may name fields of the row.
    """
    panel: table.Panel = _common(table.Panel(), title, description, "short", 24, 10)
    renamed: dict[str, str] = {}
    for position, (name, unit, expr) in enumerate(columns):
        target = _target(Query(expr, name), position).instant()
        panel = panel.with_target(target.format(prometheus_models.PromQueryFormat.TABLE))
        renamed[f"Value #{chr(ord('A') + position)}"] = name
        panel = panel.override_by_name(name, [models.DynamicConfigValue("unit", unit)])
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    if link:
        address = models.DynamicConfigValue("links", [{"title": link[0], "url": link[1]}])
        panel = panel.override_by_name("route", [address])
    return panel.with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": dict.fromkeys(("Time", *hidden), True),
                "renameByName": renamed,
            },
        )
    ).sort_by([common.TableSortByFieldState().display_name(columns[0][0]).desc(True)])


def alerts(title: str, description: str) -> dashboard.Panel:
    """The list of pending and firing alerts, which Grafana reads from its Prometheus sources."""
    panel: dashboard.Panel = _common(dashboard.Panel(), title, description, "short", 12, 8)
    return panel.type("alertlist").options(
        {
            "alertInstanceLabelFilter": "",
            "alertName": "Django",
            "dashboardAlerts": False,
            "groupMode": "default",
            "maxItems": 30,
            "sortOrder": 3,
            "stateFilter": {
                "error": True,
                "firing": True,
                "noData": False,
                "normal": False,
                "pending": True,
            },
            "viewMode": "list",
        }
    )
