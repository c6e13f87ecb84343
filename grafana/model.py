"""Grafana's JSON model of dashboards: small functions that make its parts. Nothing here knows what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
TAG = "sentio"
COLUMNS = 24
"""Of Grafana's grid."""
_SCHEMA = 41

NEUTRAL, BLUE, BAND, RED, ORANGE, GREEN, PURPLE, GREY = (
    "text",
    "blue",
    "light-blue",
    "red",
    "orange",
    "green",
    "purple",
    "#8e8e8e",
)


# --- targets -------------------------------------------------------------------------------------------------------


def over_time(expr: str, legend: str = "") -> Json:
    """One line for each series of ``expr``; ``legend`` may hold ``{{label}}``."""
    return _target(expr, legend, instant=False, form="time_series")


def now(expr: str, legend: str = "") -> Json:
    """One number for each series, at the end of the time range."""
    return _target(expr, legend, instant=True, form="time_series")


def _rows(expr: str) -> Json:
    return _target(expr, "", instant=True, form="table")


def _target(expr: str, legend: str, *, instant: bool, form: str) -> Json:
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": form,
        "instant": instant,
        "legendFormat": legend,
        "range": not instant,
    }


# --- how fields look -----------------------------------------------------------------------------------------------


def fixed(color: str) -> Json:
    return {"color": {"mode": "fixed", "fixedColor": color}}


def steps(first: str, *others: tuple[float, str]) -> Json:
    """Thresholds: ``first`` is the colour below the first value."""
    made = [{"color": first, "value": None}, *({"color": color, "value": value} for value, color in others)]
    return {"mode": "absolute", "steps": made}


def words(texts: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Value mappings: value → (text, colour)."""
    options = {
        str(value): {"text": text, "color": color, "index": i} for i, (value, (text, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def override(name: str, properties: Json) -> Json:
    """For the field of that name: property → value."""
    made = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": made}


def link(title: str, url: str, *, leaves: bool = False) -> Json:
    """A data link; ``leaves`` opens it in a tab of its own."""
    return {"title": title, "url": url, "targetBlank": leaves}


# --- panels --------------------------------------------------------------------------------------------------------

_LINE: Json = {
    "drawStyle": "line",
    "lineInterpolation": "linear",
    "lineWidth": 1,
    "fillOpacity": 0,
    "showPoints": "never",
    "spanNulls": False,
    "stacking": {"group": "A", "mode": "none"},
    "thresholdsStyle": {"mode": "off"},
}
_TOOLTIP: Json = {"hideZeros": False, "mode": "multi", "sort": "none"}


def timeseries(
    title: str,
    text: str,
    targets: Sequence[Json],
    *,
    size: tuple[int, int],
    unit: str = "short",
    legend: str = "list",
    custom: Json | None = None,
    field: Json | None = None,
    overrides: Iterable[Json] = (),
) -> Json:
    """Lines over time. ``legend`` is ``list``, ``table`` or ``hidden``."""
    calcs = ["lastNotNull", "mean", "max"] if legend == "table" else []
    shown = {"calcs": calcs, "displayMode": legend, "placement": "bottom", "showLegend": legend != "hidden"}
    options = {"legend": shown, "tooltip": _TOOLTIP}
    defaults = {"color": {"mode": "palette-classic"}, **(field or {}), "custom": {**_LINE, **(custom or {})}}
    return _panel("timeseries", title, text, targets, size, unit, options, defaults, overrides)


def stacked(by: str = "bars") -> Json:
    """``custom`` of a panel whose lines stand on one another."""
    return {"drawStyle": by, "fillOpacity": 60, "lineWidth": 0, "stacking": {"group": "A", "mode": "normal"}}


def stat(
    title: str,
    text: str,
    targets: Sequence[Json],
    *,
    size: tuple[int, int] = (4, 4),
    unit: str = "short",
    nothing: str,
    field: Json | None = None,
    mode: str = "auto",
) -> Json:
    """Single numbers; ``nothing`` is what stands there when there is none."""
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": mode,
        "wideLayout": True,
    }
    defaults = {"color": {"mode": "thresholds"}, "thresholds": steps(NEUTRAL), "noValue": nothing, **(field or {})}
    return _panel("stat", title, text, targets, size, unit, options, defaults, ())


def table(
    title: str,
    text: str,
    columns: Mapping[str, tuple[str, Json]],
    *,
    size: tuple[int, int],
    labels: Sequence[str] = (),
    hidden: Sequence[str] = (),
    linked: Mapping[str, Sequence[Json]],
    sort: str,
    nothing: str,
) -> Json:
    """A row for each label set. ``columns`` are values: name → (expression, how it looks). ``labels`` stand in front
    of them in this order, others behind; ``hidden`` ones are there for links only."""
    letters = [chr(ord("A") + i) for i in range(len(columns))]
    values = [f"Value #{letter}" for letter in letters] if len(columns) > 1 else ["Value"]
    order = [*labels, *values]
    options = {"cellHeight": "sm", "showHeader": True, "sortBy": [{"displayName": sort, "desc": True}]}
    defaults = {"noValue": nothing, "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}}
    hide = {"custom.hideFrom": {"legend": True, "tooltip": True, "viz": True}}
    overrides = [
        *(override(name, looks) for name, (_, looks) in columns.items()),
        *(override(name, {"links": list(links)}) for name, links in linked.items()),
        *(override(name, hide) for name in hidden),
    ]
    targets = [_rows(expr) for expr, _ in columns.values()]
    panel = _panel("table", title, text, targets, size, "short", options, defaults, overrides)
    organize = {
        "excludeByName": {"Time": True},
        "includeByName": {},
        "indexByName": {name: i for i, name in enumerate(order)},
        "renameByName": dict(zip(values, columns, strict=True)),
    }
    panel["transformations"] = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    return panel


def filled(looks: Json) -> Json:
    """A column whose cells have their colour behind them."""
    return {**looks, "custom.cellOptions": {"type": "color-background", "mode": "basic"}}


def timeline(
    title: str, text: str, targets: Sequence[Json], *, size: tuple[int, int], states: list[Json], nothing: str
) -> Json:
    """A lane for each series, coloured by its value."""
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": _TOOLTIP,
    }
    custom = {"fillOpacity": 80, "lineWidth": 0, "spanNulls": False, "insertNulls": False}
    defaults = {
        "color": {"mode": "thresholds"},
        "thresholds": steps(GREY),
        "mappings": states,
        "noValue": nothing,
        "custom": custom,
    }
    return _panel("state-timeline", title, text, targets, size, "short", options, defaults, ())


def bars(
    title: str,
    text: str,
    targets: Sequence[Json],
    *,
    size: tuple[int, int],
    unit: str,
    nothing: str,
    field: Json | None = None,
) -> Json:
    """A bar for each series."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "hidden", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 40,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    defaults = {**fixed(RED), "min": 0, "noValue": nothing, **(field or {})}
    return _panel("bargauge", title, text, targets, size, unit, options, defaults, ())


def row(title: str, repeat: str = "") -> Json:
    """A heading; with ``repeat``, it and what stands below it comes once for each value of that variable."""
    made: Json = {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": COLUMNS, "h": 1}}
    if repeat:
        made["repeat"] = repeat
    return made


def _panel(
    kind: str,
    title: str,
    text: str,
    targets: Sequence[Json],
    size: tuple[int, int],
    unit: str,
    options: Json,
    defaults: Json,
    overrides: Iterable[Json],
) -> Json:
    width, height = size
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "targets": [{**target, "refId": chr(ord("A") + i)} for i, target in enumerate(targets)],
        "options": options,
        "fieldConfig": {"defaults": {"unit": unit, **defaults}, "overrides": list(overrides)},
    }


# --- variables and annotations -------------------------------------------------------------------------------------

_IN_MENU = 3
"""Not on the board itself but in the menu of its controls: what hardly anyone changes."""


def datasource() -> Json:
    current = {"text": "Prometheus", "value": "prometheus"}
    return _variable("datasource", "datasource", "Data source", current, query="prometheus", hide=_IN_MENU, refresh=1)


def typed(name: str, label: str, text: str, value: str) -> Json:
    """Free text."""
    one = {"text": value, "value": value}
    options = [{**one, "selected": True}]
    return _variable("textbox", name, label, one, query=value, options=options, hide=_IN_MENU, description=text)


def choice(name: str, label: str, text: str, values: Sequence[str]) -> Json:
    """One of ``values``, the first unless another is chosen or typed."""
    options = [{"text": value, "value": value, "selected": i == 0} for i, value in enumerate(values)]
    current = {"text": values[0], "value": values[0]}
    return _variable(
        "custom", name, label, current, query=",".join(values), options=options, description=text, allowCustomValue=True
    )


def asked(name: str, label: str, text: str, query: str, *, many: bool = False, **more: Any) -> Json:
    """What a ``label_values(…)`` gives; ``many`` allows several and all of them, which is the default then."""
    current: Json = {"text": ["All"], "value": ["$__all"]} if many else {"text": "", "value": ""}
    return _variable(
        "query",
        name,
        label,
        current,
        datasource=DATASOURCE,
        definition=query,
        query={"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        refresh=2,
        regex="",
        sort=1,
        multi=many,
        includeAll=many,
        description=text,
        **more,
    )


def _variable(kind: str, name: str, label: str, current: Json, **more: Any) -> Json:
    return {"type": kind, "name": name, "label": label, "current": current, "options": [], "hide": 0, **more}


def annotation(name: str, expr: str, *, color: str, title: str, text: str, enable: bool) -> Json:
    """Stretches of time in which ``expr`` has a series above 0, behind every panel of the board."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": enable,
        "hide": False,
        "iconColor": color,
        "target": {"expr": expr, "interval": "15s", "refId": "Anno"},
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "query,container_name,instance",
        "useValueForTime": False,
    }


# --- boards --------------------------------------------------------------------------------------------------------


def board(
    uid: str,
    title: str,
    text: str,
    *,
    since: str,
    variables: Sequence[Json],
    panels: Sequence[Json],
    annotations: Sequence[Json] = (),
) -> Json:
    """A whole dashboard, linked with the others, its panels put in lines from left to right."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": [TAG],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [_other_boards()],
        "templating": {"list": list(variables)},
        "annotations": {"list": list(annotations)},
        "panels": _placed(panels),
    }


def _other_boards() -> Json:
    return {
        "type": "dashboards",
        "tags": [TAG],
        "title": "Sentio",
        "tooltip": "",
        "icon": "external link",
        "asDropdown": False,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }


def _placed(panels: Sequence[Json]) -> list[Json]:
    placed: list[Json] = []
    x = y = tallest = 0
    for number, panel in enumerate(panels, start=1):
        size = panel["gridPos"]
        if x + size["w"] > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append({**panel, "id": number, "gridPos": {**size, "x": x, "y": y}})
        x, tallest = x + size["w"], max(tallest, size["h"])
    return placed
