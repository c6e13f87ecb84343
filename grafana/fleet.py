"""The board of all series: which are outside their band now, and which were."""

from __future__ import annotations

from grafana.links import LABEL, PAGE, QUERIES, cell, page, series_board
from grafana.model import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Json,
    annotation,
    bars,
    board,
    datasource,
    filled,
    fixed,
    now,
    over_time,
    override,
    stacked,
    stat,
    steps,
    table,
    timeseries,
)

_ALL = '{query=~"$query"}'
_FIRING = 'ALERTS{alertname=~"Sentio.*",alertstate="firing"}'
_NOTHING = "no series judged"
_STATES = {"ready": GREEN, "learning": BLUE, "constant": GREY, "failed": RED}


def _flagged(metric: str) -> str:
    """That metric of the series that are flagged now, with the chosen label as ``series``, for the links."""
    return f'label_replace({metric}{_ALL} and sentio_anomaly{_ALL} == 1, "series", "$1", "$label", "(.*)")'


_LINKS = [
    series_board(cell("query"), "${label:percentencode}", cell("series")),
    page(cell("query"), cell("series")),
]
_NUMBER: Json = {"unit": "sishort", "custom.align": "right"}
_ALARM = steps(GREEN, (1, RED))

_NUMBERS = [
    stat(
        "Outside",
        "Series whose newest sample is flagged.",
        [now(f"sum(sentio_anomaly{_ALL})")],
        nothing=_NOTHING,
        field={"thresholds": _ALARM},
    ),
    stat(
        "Share outside",
        "The same, as a share of the series that are judged. A band of 99 % is left by chance 1 % of the time.",
        [now(f"avg(sentio_anomaly{_ALL})")],
        unit="percentunit",
        nothing=_NOTHING,
        field={"thresholds": steps(GREEN, (0.02, ORANGE), (0.1, RED)), "decimals": 1},
    ),
    stat("Series", "Series that arrive.", [now(f"sum(sentio_series{_ALL})")], nothing=_NOTHING),
    stat(
        "Still learning",
        "Series that have too few samples for a model.",
        [now('sum(sentio_series{query=~"$query",state="learning"})')],
        nothing=_NOTHING,
        field={"thresholds": steps(GREEN, (1, BLUE))},
    ),
    stat(
        "Missing",
        "Series that sent nothing in the last tick and are still expected.",
        [now(f"count(sentio_yhat{_ALL} unless sentio_value{_ALL}) or vector(0)")],
        nothing=_NOTHING,
        field={"thresholds": _ALARM},
    ),
    stat(
        "Alerts",
        "Alerts of Sentio that fire now, on series and on itself.",
        [now(f"count({_FIRING}) or vector(0)")],
        nothing="0",
        field={"thresholds": _ALARM},
    ),
]

_NOW = table(
    "Outside their band now",
    "Series whose newest sample is flagged, the farthest first. A click on the pipeline or the score leads to the "
    "series' board and to Sentio's own page.",
    {
        "Score": (
            _flagged("sentio_anomaly_score"),
            filled({"thresholds": steps(ORANGE, (2, RED)), "color": {"mode": "thresholds"}, "decimals": 2}),
        ),
        "Actual": (_flagged("sentio_value"), _NUMBER),
        "Predicted": (_flagged("sentio_yhat"), _NUMBER),
        "Lower": (_flagged("sentio_yhat_lower"), _NUMBER),
        "Upper": (_flagged("sentio_yhat_upper"), _NUMBER),
    },
    size=(16, 9),
    labels=["query", "container_name"],
    hidden=["series"],
    linked={"query": _LINKS, "Score": _LINKS},
    sort="Score",
    nothing="every series is within its band",
)

_FIRING_NOW = table(
    "Firing alerts",
    "Alerts of Sentio that fire now, and for how long their condition has held.",
    {
        "Since": (
            f'time() - (ALERTS_FOR_STATE{{alertname=~"Sentio.*"}} and ignoring (alertstate) {_FIRING})',
            {"unit": "dtdurations", "decimals": 0},
        )
    },
    size=(8, 9),
    labels=["alertname", "query", "container_name"],
    linked={},
    sort="Since",
    nothing="no alert is firing",
)

_SHARE = timeseries(
    "Share of series outside their band",
    "By pipeline. A whole pipeline that leaves its bands at once usually has one cause.",
    [over_time(f"avg by (query) (sentio_anomaly{_ALL})", "{{query}}")],
    size=(12, 8),
    unit="percentunit",
    custom={"fillOpacity": 10, "lineInterpolation": "stepAfter", "axisSoftMax": 0.1},
    field={"min": 0},
)

_COUNT = timeseries(
    "Series outside their band",
    "How many, by pipeline, on one another.",
    [over_time(f"sum by (query) (sentio_anomaly{_ALL})", "{{query}}")],
    size=(12, 8),
    custom=stacked(),
    field={"min": 0, "decimals": 0},
)

_OFTEN = bars(
    "Flagged longest",
    "The ten series that were outside their band for most of the time range.",
    [
        now(
            f"topk(10, sum_over_time(sentio_anomaly{_ALL}[$__range:$__interval]) * $__interval_ms / 1000 > 0)",
            "{{query}} {{$label}}",
        )
    ],
    size=(12, 9),
    unit="s",
    nothing="nothing was flagged in this range",
)

_SERIES_STATES = timeseries(
    "Series by state",
    "Learning: too few samples yet. Constant: never changed while it was learned. Failed: Sentio's page says why.",
    [over_time(f"sum by (state) (sentio_series{_ALL})", "{{state}}")],
    size=(6, 9),
    custom={**stacked("line"), "lineInterpolation": "stepAfter"},
    field={"min": 0, "decimals": 0},
    overrides=[override(state, fixed(color)) for state, color in _STATES.items()],
)

_LEARNING = bars(
    "Not ready, by pipeline",
    "Series that have no model of their own yet, or could not get one.",
    [now('sum by (query, state) (sentio_series{query=~"$query",state!="ready"})', "{{query}} {{state}}")],
    size=(6, 9),
    unit="none",
    nothing=_NOTHING,
    field=fixed(BLUE),
)

BOARD = board(
    "sentio-fleet",
    "Sentio: fleet",
    "All series at once: what is outside its band now, and what was.",
    since="now-1h",
    variables=[datasource(), PAGE, QUERIES, LABEL],
    annotations=[annotation("Alerts", _FIRING, color=RED, title="{{alertname}}", text="{{query}}", enable=False)],
    panels=[*_NUMBERS, _NOW, _FIRING_NOW, _SHARE, _COUNT, _OFTEN, _SERIES_STATES, _LEARNING],
)
