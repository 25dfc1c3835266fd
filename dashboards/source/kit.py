"""The parts of every dashboard: a function for each kind of panel, the variables, the links and the annotations.

Queries are written with short selectors that name no label twice:

    {W}, {W,kind="channel"}   of the chosen workspace
    {M}, {M,mode="idle"}      of the machine and the exporter itself, which belong to no workspace

They use only labels that always exist: `job` and `instance`, which Prometheus adds to every target, and `workspace`, which
an exporter of several workspaces adds. With one workspace the label is absent, and its variable, "All", matches that too.
Queries are sums rather than bare metrics, so that "All" of several workspaces is one number; values that an exporter exposes
to two jobs, one for each workspace and one for its host, are merged before they are added.
"""

import re
import tomllib
from pathlib import Path

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

MACHINE = 'job=~"$job",instance=~"$instance"'
WORKSPACE = MACHINE + ',workspace=~"$workspace"'

DATA_SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["repository"]

TAG = "rocketchat-exporter"

# Colors of what is counted, the same on every dashboard.
GREEN, YELLOW, RED, GRAY, BLUE = "green", "yellow", "red", "#808080", "blue"
PRESENCE = {"online": GREEN, "away": YELLOW, "busy": RED, "offline": GRAY}


def selectors(expression):
    """An expression with its selectors written out."""
    for short, whole in (("W", WORKSPACE), ("M", MACHINE)):
        expression = re.sub(r"\{%s(?=[,}])" % short, lambda _, whole=whole: "{" + whole, expression)
    return " ".join(expression.split())


def states(**colors):
    """Words for values: `states(_0=("no", RED), _1=("yes", GREEN))`."""
    results = {
        value.lstrip("_"): model.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(colors.items())
    }
    return [model.ValueMap(options=results)]


NO_IS_BAD = states(_0=("no", RED), _1=("yes", GREEN))
YES_IS_BAD = states(_0=("no", GREEN), _1=("yes", RED))


def steps(*values):
    """Thresholds: green, then yellow and red from these values on; `steps(90)` has only red."""
    colors = [RED] if len(values) == 1 else [YELLOW, RED]
    return _thresholds(GREEN, zip(values, colors))


def least(*values):
    """Thresholds where less is worse: red below the first value, yellow below the second."""
    colors = [GREEN] if len(values) == 1 else [YELLOW, GREEN]
    return _thresholds(RED, zip(values, colors))


def _thresholds(base, others):
    first = model.Threshold(value=None, color=base)
    rest = [model.Threshold(value=value, color=color) for value, color in others]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([first, *rest])


PLAIN = _thresholds(BLUE, [])


def runbook(alert):
    return f"{REPOSITORY}/blob/main/docs/runbooks/{alert}.md"


def _finish(panel, title, description, width, height, alerts):
    links = [
        build.DashboardLink(f"Runbook: {alert}").type(model.DashboardLinkType.LINK).url(runbook(alert)).target_blank(True)
        for alert in alerts
    ]
    if links:
        panel.links(links)
    return panel.title(title).description(description).datasource(DATA_SOURCE).span(width).height(height)


def _queries(panel, queries, *, instant, as_table=False):
    """Adds queries: an expression, or several by the legend of what they show."""
    if isinstance(queries, str):
        queries = {"": queries}
    for letter, (legend, expression) in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", queries.items()):
        query = prometheus.Dataquery().ref_id(letter).expr(selectors(expression)).datasource(DATA_SOURCE)
        query.legend_format(legend) if legend else query
        query.format(PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES)
        panel.with_target(query.instant() if instant else query.range())


def _last(field=""):
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields(field).values(False)


def number(title, description, query, unit="short", *, width=4, height=4, limits=None, words=None, alerts=(), decimals=None,
           none="unknown"):
    """The current value. It is an instant query, because a value of an hour ago is not current."""
    panel = stat.Panel().unit(unit).no_value(none).graph_mode(look.BigValueGraphMode.NONE)
    panel.thresholds(limits or PLAIN).color_mode(look.BigValueColorMode.VALUE).reduce_options(_last())
    panel.text_mode(look.BigValueTextMode.AUTO).orientation(look.VizOrientation.AUTO)
    if words:
        panel.mappings(words)
    if decimals is not None:
        panel.decimals(decimals)
    _queries(panel, query, instant=True)
    return _finish(panel, title, description, width, height, alerts)


def text(title, description, query, legend, *, width=4, height=4, none="unknown", alerts=()):
    """The current value of a label."""
    panel = stat.Panel().unit("string").no_value(none).graph_mode(look.BigValueGraphMode.NONE)
    panel.thresholds(PLAIN).color_mode(look.BigValueColorMode.NONE).reduce_options(_last())
    panel.text_mode(look.BigValueTextMode.NAME).orientation(look.VizOrientation.AUTO)
    _queries(panel, {legend: query}, instant=True)
    return _finish(panel, title, description, width, height, alerts)


def lines(title, description, queries, unit="short", *, width=8, height=8, stacked=False, colors=None, limits=None, alerts=(),
          top=None, bottom=0):
    """Values over time; `queries` by their legends. `stacked` if the parts make a whole."""
    panel = timeseries.Panel().unit(unit).line_width(1).fill_opacity(30 if stacked else 8)
    panel.show_points(look.VisibilityMode.NEVER).span_nulls(False)
    panel.legend(
        common.VizLegendOptions().show_legend(True).display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM).calcs([])
    )
    panel.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
    if bottom is not None:
        panel.axis_soft_min(bottom)
    if top is not None:
        panel.max(top)
    if stacked:
        panel.stacking(common.StackingConfig().mode(look.StackingMode.NORMAL).group("A"))
    if limits:
        panel.thresholds(limits)
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(look.GraphTresholdsStyleMode.DASHED))
    for name, color in (colors or {}).items():
        fixed = {"mode": "fixed", "fixedColor": color}
        panel.override_by_name(name, [model.DynamicConfigValue(id_val="color", value=fixed)])
    _queries(panel, queries, instant=False)
    return _finish(panel, title, description, width, height, alerts)


def bars(title, description, queries, unit="short", *, width=8, height=8, limits=None, top=None, alerts=(), none="none"):
    """Several current values beside each other."""
    panel = bargauge.Panel().unit(unit).min(0).no_value(none).thresholds(limits or PLAIN)
    panel.display_mode(look.BarGaugeDisplayMode.BASIC).orientation(look.VizOrientation.HORIZONTAL)
    panel.value_mode(look.BarGaugeValueMode.TEXT).show_unfilled(True).reduce_options(_last())
    if top is not None:
        panel.max(top)
    _queries(panel, queries, instant=True)
    return _finish(panel, title, description, width, height, alerts)


def history(title, description, query, legend, words, *, width=12, height=8, alerts=()):
    """States over time."""
    panel = statetimeline.Panel().unit("short").mappings(words).thresholds(PLAIN).fill_opacity(70).line_width(0)
    panel.show_value(look.VisibilityMode.NEVER).merge_values(True).row_height(0.8)
    panel.legend(
        common.VizLegendOptions().show_legend(False).display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM).calcs([])
    )
    _queries(panel, {legend: query}, instant=False)
    return _finish(panel, title, description, width, height, alerts)


class Column:
    """A column of a table: its query, or its label. A hidden column only contributes labels."""

    def __init__(self, title, query=None, *, label=None, unit="short", limits=None, words=None, link=None, shown=True):
        self.title, self.query, self.label, self.unit = title, query, label, unit
        self.limits, self.words, self.link, self.shown = limits, words, link, shown


def rows(title, description, key, columns, *, width=24, height=8, hidden=(), alerts=()):
    """A table: several queries joined by the label `key`, one row for each of its values. Their other labels are kept."""
    panel = table.Panel().unit("short").no_value("").thresholds(PLAIN).show_header(True)
    asked = [column for column in columns if column.query]
    _queries(panel, {column.title: column.query for column in asked}, instant=True, as_table=True)
    panel.with_transformation(
        model.DataTransformerConfig(id_val="joinByField", options={"byField": key, "mode": "outer"})
    )
    # Grafana calls the value of query A `Value #A`. The time of each query is left out.
    names = {f"Value #{letter}": column.title for letter, column in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", asked)}
    names |= {column.label: column.title for column in columns if column.label}
    columns = [column for column in columns if column.shown]
    order = [column.label or next(name for name, title in names.items() if title == column.title) for column in columns]
    panel.with_transformation(
        model.DataTransformerConfig(
            id_val="filterFieldsByName", options={"include": {"names": [*order, *hidden]}}
        )
    )
    panel.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate([*order, *hidden])},
                "renameByName": {name: names[name] for name in order},
            },
        )
    )
    for column in columns:
        properties = [model.DynamicConfigValue(id_val="unit", value=column.unit)]
        if column.words:
            properties.append(model.DynamicConfigValue(id_val="mappings", value=column.words))
        if column.limits or column.words:
            properties.append(model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
        if column.limits:
            properties.append(model.DynamicConfigValue(id_val="thresholds", value=column.limits.build()))
        if column.link:
            link = {"title": column.link[0], "url": column.link[1]}
            properties.append(model.DynamicConfigValue(id_val="links", value=[link]))
        panel.override_by_name(column.title, properties)
    for name in hidden:
        panel.override_by_name(name, [model.DynamicConfigValue(id_val="custom.hidden", value=True)])
    return _finish(panel, title, description, width, height, alerts)


def _variable(name, label, query, all_value=None):
    variable = build.QueryVariable(name).label(label).query(query).datasource(DATA_SOURCE)
    variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
    if all_value:
        everything = model.VariableOption(selected=True, text="All", value="$__all")
        variable.include_all(True).all_value(all_value).current(everything)
    return variable


def _variables(of_one):
    """The variables at the top. An instance is one exporter: two exporters of one workspace must not be added up."""
    yield build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    yield _variable("job", "Job", "label_values(rocketchat_up, job)", ".+")
    yield _variable(
        "instance", "Exporter", 'label_values(rocketchat_up{job=~"$job"}, instance)', None if of_one else ".+"
    )
    yield _variable(
        "workspace", "Workspace", 'label_values(rocketchat_up{job=~"$job",instance=~"$instance"}, workspace)', ".*"
    )


# The exporter's identity of a workspace. Rocket.Chat's own exporter serves `rocketchat_info` too.
INFO = "(rocketchat_info{W} and on (job, instance) rocketchat_exporter_build_info{M})"
INFO_BEFORE = (
    "(rocketchat_info{W} offset $__interval"
    " and on (job, instance) rocketchat_exporter_build_info{M} offset $__interval)"
)

# A version that exists now and did not before, while another one did: so neither the first scrape nor one after a gap counts
# as a change.
NEW_VERSION = f"""
    max by (version) {INFO} unless max by (version) {INFO_BEFORE}
    and on () max{INFO_BEFORE}
"""


def dashboard(uid, title, description, contents, *, of_one=True, since="now-6h", refresh="30s"):
    """A dashboard of titled rows of panels."""
    board = build.Dashboard(title).uid(uid).description(description).tags([TAG, "rocketchat"])
    board.time(since, "now").refresh(refresh).timezone("browser").tooltip(model.DashboardCursorSync.CROSSHAIR)
    board.variables(list(_variables(of_one)))
    board.link(
        build.DashboardLink("Rocket.Chat").type(model.DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
        .include_vars(True).keep_time(True).icon("external link").tooltip("The other dashboards of rocketchat-exporter")
    )
    board.annotation(
        build.AnnotationQuery().name("New version of Rocket.Chat").datasource(DATA_SOURCE).enable(True)
        .icon_color("purple").expr(selectors(NEW_VERSION))
    )
    number_of_panel = 0
    for row, panels in contents.items():
        number_of_panel += 1
        board.with_row(build.Row(row).id(number_of_panel))
        for panel in panels:
            number_of_panel += 1
            board.with_panel(panel.id(number_of_panel))
    return board.build()
