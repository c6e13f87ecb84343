"""The board of all series: which are flagged now, and which were."""

from __future__ import annotations

from typing import Any

from grafana.links import LABEL, LEVELS, PAGE, QUERIES, cell, page, series_board
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
        "Flagged",
        "Series whose newest sample is flagged.",
        [now(f"sum(sentio_anomaly{_ALL})")],
        nothing=_NOTHING,
        field={"thresholds": _ALARM},
    ),
    stat(
        "Share flagged",
        "The same, as a share of the series that are judged. At one false alarm a week of each, few are by chance.",
        [now(f"avg(sentio_anomaly{_ALL})")],
        unit="percentunit",
        nothing=_NOTHING,
        field={"thresholds": steps(GREEN, (0.01, ORANGE), (0.1, RED)), "decimals": 1},
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
    "Flagged now",
    "Series whose newest sample is flagged, the strangest first. A click on the pipeline or the score leads to the "
    "series' board and to Sentio's own page.",
    {
        "Score": (
            _flagged("sentio_anomaly_score"),
            filled({"thresholds": steps(ORANGE, (2, RED)), "color": {"mode": "thresholds"}, "decimals": 2}),
        ),
        "Level": (_flagged("sentio_alert_level"), {"mappings": LEVELS}),
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
    nothing="no series is flagged",
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
    "Share of series flagged",
    "By pipeline. A whole pipeline that is flagged at once usually has one cause.",
    [over_time(f"avg by (query) (sentio_anomaly{_ALL})", "{{query}}")],
    size=(12, 8),
    unit="percentunit",
    custom={"fillOpacity": 10, "lineInterpolation": "stepAfter", "axisSoftMax": 0.1},
    field={"min": 0},
)

_COUNT = timeseries(
    "Series flagged",
    "How many, by pipeline, on one another.",
    [over_time(f"sum by (query) (sentio_anomaly{_ALL})", "{{query}}")],
    size=(12, 8),
    custom=stacked(),
    field={"min": 0, "decimals": 0},
)

_TYPES = timeseries(
    "Anomalies by type",
    "Series with an anomaly that lasts, by what it looks like.",
    [over_time(f"sum by (type) (sentio_anomaly_type{_ALL}) > 0", "{{type}}")],
    size=(12, 8),
    custom=stacked(),
    field={"min": 0, "decimals": 0},
)

_LEVEL_COUNTS = timeseries(
    "Series by alert level",
    "Those above ok.",
    [
        over_time(f"count(sentio_alert_level{_ALL} == {level}) or 0 * count(sentio_alert_level{_ALL})", name)
        for level, name in enumerate(("info", "warning", "critical"), start=1)
    ],
    size=(12, 8),
    custom=stacked(),
    field={"min": 0, "decimals": 0},
    overrides=[
        override(name, fixed(color)) for name, color in {"info": BLUE, "warning": ORANGE, "critical": RED}.items()
    ],
)


def _spread(title: str, text: str, metric: str, **looks: Any) -> Json:
    """The least, the tenth and the median of all series."""
    shares = {"least": 0, "tenth": 0.1, "median": 0.5}
    return timeseries(
        title,
        text,
        [over_time(f"quantile({share:g}, {metric}{_ALL})", name) for name, share in shares.items()],
        size=(12, 8),
        unit="percentunit",
        **looks,
    )


_COVERAGE = _spread(
    "Coverage of the bands",
    "The share of the samples of about a day that lay in the band: of the worst series, of that below which a tenth of "
    "them is, and of the one in the middle. It should be interval_width, 99 % unless configured.",
    "sentio_forecast_coverage_ratio",
    custom={"thresholdsStyle": {"mode": "dashed"}, "axisSoftMin": 0.9},
    field={"max": 1, "decimals": 1, "thresholds": steps("transparent", (0.99, GREEN))},
)

_SKILL = _spread(
    "Skill of the models",
    "How much smaller their errors are than those of seasonal naive, which expects what came a day before: of the "
    "worst series, of that below which a tenth of them is, and of the one in the middle. Below 0 they are worse.",
    "sentio_forecast_skill_ratio",
    custom={"thresholdsStyle": {"mode": "dashed"}, "axisSoftMin": -0.1},
    field={"decimals": 0, "thresholds": steps("transparent", (0, GREY))},
)

_OFTEN = bars(
    "Flagged longest",
    "The ten series that were flagged for most of the time range.",
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
    "All series at once: what is flagged now, what was, and how good the bands are.",
    since="now-1h",
    variables=[datasource(), PAGE, QUERIES, LABEL],
    annotations=[annotation("Alerts", _FIRING, color=RED, title="{{alertname}}", text="{{query}}", enable=False)],
    panels=[
        *_NUMBERS,
        _NOW,
        _FIRING_NOW,
        _SHARE,
        _COUNT,
        _TYPES,
        _LEVEL_COUNTS,
        _OFTEN,
        _SERIES_STATES,
        _LEARNING,
        _COVERAGE,
        _SKILL,
    ],
)
