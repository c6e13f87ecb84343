"""The board of single series: what was expected of each, what came, and how far apart the two are."""

from __future__ import annotations

from grafana.links import LABEL, LEVELS, PAGE, page
from grafana.model import (
    BAND,
    BLUE,
    GREY,
    NEUTRAL,
    PURPLE,
    RED,
    Json,
    annotation,
    asked,
    board,
    datasource,
    fixed,
    over_time,
    override,
    row,
    steps,
    timeline,
    timeseries,
    words,
)

_ONE = '{query="$query",$label=~"$series"}'
_AHEAD = '{query="$query",$label=~"$series",horizon="$horizon"}'
# A detector that has no forecast says no yhat; a series that has stopped has no value.
_ANY = '__name__=~"sentio_value|sentio_yhat"'
_ALERTS = 'ALERTS{alertname=~"SentioAnomaly|SentioSeriesMissing",alertstate="firing",query="$query",$label=~"$series"}'

_VARIABLES = [
    datasource(),
    PAGE,
    asked("query", "Pipeline", "One pipeline, by the label query.", f"label_values({{{_ANY}}}, query)"),
    LABEL,
    asked(
        "series",
        "Series",
        "Those whose label has one of these values; each gets rows of its own.",
        f'label_values({{{_ANY},query="$query"}}, $label)',
        many=True,
    ),
    asked(
        "horizon",
        "Forecast made",
        "How long before its time the dashed line was worked out.",
        'label_values(sentio_forecast{query="$query"}, horizon)',
    ),
]

_PAGE_OF_SERIES = page("${query:percentencode}", "${series:percentencode}")

_SHADE: Json = {
    **fixed(RED),
    # Its own axis, which is not drawn: 1 fills the whole height.
    "min": 0,
    "max": 1,
    "custom.axisPlacement": "hidden",
    "custom.lineWidth": 0,
    "custom.lineInterpolation": "stepAfter",
    "custom.fillOpacity": 15,
    "mappings": words({1: ("firing", RED)}),
}

_ACTUAL = timeseries(
    "$series: actual and predicted",
    "The samples that were judged, what was expected of each at its own time, and the band around that. Red points "
    "were flagged. The height is shaded red while an alert on this series fires. The dashed line is what had been "
    "forecast for that time; how long before is chosen at the top.",
    [
        over_time(f"sentio_value{_ONE}", "Actual"),
        over_time(f"sentio_yhat{_ONE}", "Predicted"),
        over_time(f"sentio_yhat_upper{_ONE}", "Upper"),
        over_time(f"sentio_yhat_lower{_ONE}", "Lower"),
        over_time(f"sentio_forecast{_AHEAD} offset $horizon", "Forecast"),
        over_time(f"sentio_value{_ONE} and sentio_anomaly{_ONE} == 1", "Anomaly"),
        over_time(f"max({_ALERTS})", "Alert"),
    ],
    size=(24, 11),
    unit="sishort",
    field={"links": [_PAGE_OF_SERIES]},
    overrides=[
        override("Actual", {**fixed(NEUTRAL), "custom.lineWidth": 2}),
        override("Predicted", {**fixed(BLUE), "custom.lineWidth": 2}),
        override(
            "Upper", {**fixed(BAND), "custom.lineWidth": 0, "custom.fillOpacity": 15, "custom.fillBelowTo": "Lower"}
        ),
        override("Lower", {**fixed(BAND), "custom.lineWidth": 0}),
        override("Forecast", {**fixed(PURPLE), "custom.lineStyle": {"fill": "dash", "dash": [6, 6]}}),
        override(
            "Anomaly",
            {
                **fixed(RED),
                "custom.drawStyle": "points",
                "custom.showPoints": "always",
                "custom.pointSize": 7,
                "custom.lineWidth": 0,
            },
        ),
        override("Alert", _SHADE),
    ],
)

_SCORE = timeseries(
    "$series: score",
    "How strange the sample is, on one scale for all series. What is above 1 is flagged, which by chance comes as "
    "often as judgement.false_alarms allows; the more, the stranger. The scale is logarithmic above 1.",
    [over_time(f"sentio_anomaly_score{_ONE}", "Score")],
    size=(8, 7),
    unit="none",
    legend="hidden",
    custom={
        "gradientMode": "scheme",
        "fillOpacity": 10,
        "axisSoftMax": 2,
        "thresholdsStyle": {"mode": "line"},
        "scaleDistribution": {"type": "symlog", "log": 10, "linearThreshold": 1},
    },
    field={
        "color": {"mode": "thresholds"},
        "thresholds": steps(BLUE, (1, RED)),
        "min": 0,
        "decimals": 2,
        "links": [_PAGE_OF_SERIES],
    },
)

_TYPE = timeline(
    "$series: type",
    "What the anomaly that lasts looks like. Nothing is drawn while there is none.",
    [over_time(f"sentio_anomaly_type{_ONE} == 1", "{{type}}")],
    size=(12, 6),
    states=words({1: ("yes", RED)}),
    nothing="no anomaly in this range",
)

_LEVEL = timeline(
    "$series: alert level",
    "What the conditions of the pipeline's alerts say of it.",
    [over_time(f"sentio_alert_level{_ONE}", "level")],
    size=(12, 6),
    states=LEVELS,
    nothing="no alerts are configured",
)

_DIFFERENCE = timeseries(
    "$series: actual − predicted",
    "The difference of the sample and what was expected of it, and its size without the sign.",
    [
        over_time(f"sentio_value{_ONE} - sentio_yhat{_ONE}", "Difference"),
        over_time(f"abs(sentio_value{_ONE} - sentio_yhat{_ONE})", "Absolute"),
    ],
    size=(8, 7),
    unit="sishort",
    overrides=[
        override("Difference", fixed(BLUE)),
        override("Absolute", {**fixed(GREY), "custom.fillOpacity": 10, "custom.lineWidth": 0}),
    ],
)

_WIDTH = timeseries(
    "$series: width of the band",
    "Upper edge less lower edge. A band that widens says that the history was less regular, or that the model is old.",
    [over_time(f"sentio_yhat_upper{_ONE} - sentio_yhat_lower{_ONE}", "Width")],
    size=(8, 7),
    unit="sishort",
    legend="hidden",
    custom={"fillOpacity": 15},
    field={**fixed(BAND), "min": 0},
)

BOARD = board(
    "sentio",
    "Sentio",
    "Single series of one pipeline: actual and predicted values, score, type, alert level, difference and band.",
    since="now-30m",
    variables=_VARIABLES,
    # Off at first: an annotation is drawn behind every panel, those of other series too. Each panel shades its own.
    annotations=[
        annotation(
            "Alerts of all these series",
            _ALERTS,
            color=RED,
            title="{{alertname}}",
            text="{{metric}} ({{query}})",
            enable=False,
        )
    ],
    panels=[row("$query of $series", repeat="series"), _ACTUAL, _TYPE, _LEVEL, _SCORE, _DIFFERENCE, _WIDTH],
)
