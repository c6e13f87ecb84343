"""The board that holds the flags against the truth: a scenario says what it does, and what of it must be noticed."""

from __future__ import annotations

from grafana.links import PAGE, cell, page, series_board
from grafana.model import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    Json,
    annotation,
    asked,
    board,
    datasource,
    filled,
    now,
    over_time,
    stat,
    steps,
    table,
    timeline,
    timeseries,
    typed,
    words,
)

# --- PromQL --------------------------------------------------------------------------------------------------------
# An expectation is one series of the truth: one thing that must be noticed, on one series, in one phase of one run.
# What happened while it held is collected with subqueries over the whole time range.

_EXPECTATION = "run, scenario, phase, expect, query, container_name"
_SERIES = "query, container_name"
_RANGE = "[$__range:$step]"
_ANY = "above|below|missing"


def _truth(expect: str, run: str = "$run") -> str:
    return f'sentio_scenario_active{{expect=~"{expect}",run=~"{run}"}}'


def _each(expr: str) -> str:
    """Once for each expectation, whoever scraped it."""
    return f"max by ({_EXPECTATION}) ({expr})"


def _firing(alert: str) -> str:
    return f'ALERTS{{alertname="{alert}",alertstate="firing"}}'


def _at(expect: str, times: str) -> str:
    """``times`` (one for each series) of the series of which something is expected, while it is."""
    return f"{_each(_truth(expect))} * on ({_SERIES}) group_left () max by ({_SERIES}) ({times})"


def _first(flagged: str) -> str:
    """When it was noticed first: by ``flagged``; a missing series by its alert."""
    missing = f"timestamp({_firing('SentioSeriesMissing')})"
    return f"min_over_time(({_at('above|below', flagged)} or {_at('missing', missing)}){_RANGE})"


_NOW = _each(_truth(_ANY))
_BEGUN = f"min_over_time({_each(f'timestamp({_truth(_ANY)})')}{_RANGE})"
_ENDED = f"max_over_time({_each(f'timestamp({_truth(_ANY)})')}{_RANGE})"
_FLAGGED = _first("timestamp(sentio_anomaly) and sentio_anomaly == 1")
_ALERTED = _first(f"timestamp({_firing('SentioAnomaly')})")
# The flag may stand already when the expectation begins; its sample is then a little older.
_DELAY = f"clamp_min({_FLAGGED} - {_BEGUN}, 0)"
_ALERT_DELAY = f"clamp_min({_ALERTED} - {_BEGUN}, 0)"
_MISSED = f"({_BEGUN} unless {_FLAGGED} unless {_NOW})"
_RESULT = f"{_FLAGGED} > bool 0 or {_NOW} + 1 or 0 * {_BEGUN}"
_RESULTS = {0: ("missed", RED), 1: ("detected", GREEN), 2: ("not yet", BLUE)}

_DETECTED_COUNT = f"(count({_FLAGGED}) or vector(0))"
_MISSED_COUNT = f"(count({_MISSED}) or vector(0))"
_DETECTED_SHARE = f"{_DETECTED_COUNT} / ({_DETECTED_COUNT} + {_MISSED_COUNT} > 0)"

_OUTSIDE = f"unless on ({_SERIES}) max_over_time({_truth(_ANY, '.*')}[10m])"
"""Of series of which nothing was expected within the last ten minutes."""
# One alert, whatever its severity.
_ANOMALY = f"max by ({_SERIES}) ({_firing('SentioAnomaly')})"
_ANOMALY_BEFORE = f"max by ({_SERIES}) ({_firing('SentioAnomaly')} offset $step)"
_FALSE_ALARMS = f"count_over_time((({_ANOMALY} unless {_ANOMALY_BEFORE}) {_OUTSIDE}){_RANGE})"
_FLAGS_OUTSIDE = f"sum_over_time((sentio_anomaly {_OUTSIDE}){_RANGE})"
_SAMPLES_OUTSIDE = f"count_over_time((sentio_anomaly {_OUTSIDE}){_RANGE})"
# The days of the range in which anything was judged: a stack that has just been started is not praised for the rest.
_DAYS = f"($__range_s / 86400 * count_over_time(count(sentio_anomaly){_RANGE}) / count_over_time(vector(1){_RANGE}))"

_LANES = " or ".join(
    f'label_replace({expr}, "what", "{what}", "", "")'
    for what, expr in {
        # Prometheus gives them in the order of the alphabet, by container_name, query and then this.
        "expected": f"2 * max by ({_SERIES}) ({_truth('above')}) or 3 * max by ({_SERIES}) ({_truth('below')})"
        f" or 4 * max by ({_SERIES}) ({_truth('missing')})",
        "flagged": f"max by ({_SERIES}) (sentio_anomaly)",
        "on alert": f'5 * max by ({_SERIES}) (ALERTS{{alertname=~"SentioAnomaly|SentioSeriesMissing"'
        ',alertstate="firing"})',
    }.items()
)
_CONCERNED = f"on ({_SERIES}) max_over_time({_truth(_ANY)}[$__range] @ end())"
_STATES = {
    0: ("within", "#8e8e8e33"),
    1: ("flagged", RED),
    2: ("above", BLUE),
    3: ("below", PURPLE),
    4: ("missing", ORANGE),
    5: ("firing", "dark-red"),
}

# --- panels --------------------------------------------------------------------------------------------------------

_NO_SCENARIO = "no scenario in this range"
_SECONDS: Json = {"unit": "s", "decimals": 0, "custom.align": "right"}
_LINKS = [
    series_board(cell("query"), "container_name", cell("container_name")),
    page(cell("query"), cell("container_name")),
]

_NUMBERS = [
    stat(
        "Expectations",
        "Things that must be noticed, begun in this time range.",
        [now(f"count({_BEGUN})")],
        size=(3, 4),
        nothing=_NO_SCENARIO,
    ),
    stat(
        "Detected",
        "Of those that are over, or were noticed already: the share that was noticed while it held.",
        [now(_DETECTED_SHARE)],
        size=(3, 4),
        unit="percentunit",
        nothing=_NO_SCENARIO,
        field={"thresholds": steps(RED, (0.8, ORANGE), (1, GREEN)), "decimals": 0, "max": 1},
    ),
    stat(
        "Missed",
        "Expectations that are over and were never noticed.",
        [now(f"count({_MISSED}) or 0 * count({_BEGUN})")],
        size=(3, 4),
        nothing=_NO_SCENARIO,
        field={"thresholds": steps(GREEN, (1, RED))},
    ),
    stat(
        "Median delay",
        "From the beginning of an expectation to the first flag (of a missing series: to its alert).",
        [now(f"quantile(0.5, {_DELAY})")],
        size=(3, 4),
        unit="s",
        nothing="nothing detected in this range",
        field={"decimals": 0},
    ),
    stat(
        "False alarms a day",
        "Alerts that began to fire while nothing had been expected of that series for ten minutes, for each day in "
        "which Sentio judged anything; and how many all series together may have (Allowed, in the menu of the "
        "controls). Of a few hours it says little: one alert in three hours is eight a day.",
        [
            now(f"(sum({_FALSE_ALARMS}) or vector(0)) / {_DAYS}", "came"),
            now(f"$allowed / 7 * count(count by ({_SERIES}) (sentio_anomaly))", "allowed"),
        ],
        size=(6, 4),
        nothing="nothing was judged in this range",
        field={"decimals": 2},
        mode="value_and_name",
    ),
    stat(
        "Flagged without reason",
        "The share of samples that were flagged while nothing had been expected of that series for ten minutes.",
        [now(f"sum({_FLAGS_OUTSIDE}) / sum({_SAMPLES_OUTSIDE})")],
        size=(3, 4),
        unit="percentunit",
        nothing="nothing was judged in this range",
        field={"decimals": 2},
    ),
    stat(
        "Coverage",
        "The share of the samples of about a day that lay in the band, on average over the series. It should be "
        "interval_width, 99 % unless configured.",
        [now("avg(sentio_forecast_coverage_ratio)")],
        size=(3, 4),
        unit="percentunit",
        nothing="nothing was judged yet",
        field={"thresholds": steps(RED, (0.97, ORANGE), (0.98, GREEN)), "decimals": 1},
    ),
]

_LANES_PANEL = timeline(
    "Expected, flagged, on alert",
    "For each series of which something was expected: what, when it was flagged, and when an alert on it fired.",
    [over_time(f"({_LANES}) and {_CONCERNED}", "{{container_name}} {{query}} {{what}}")],
    size=(24, 12),
    states=words(_STATES),
    nothing=_NO_SCENARIO,
)

_TABLE = table(
    "Every expectation",
    "Each thing that must be noticed, and whether it was while it held. The delays count from its beginning: to the "
    "first flag (of a missing series: to its alert), and to the alert. Not yet: it still holds.",
    {
        "Began": (f"1000 * {_BEGUN}", {"unit": "dateTimeAsIso"}),
        "Result": (_RESULT, filled({"mappings": words(_RESULTS)})),
        "Delay": (_DELAY, _SECONDS),
        "Delay of the alert": (_ALERT_DELAY, _SECONDS),
        "Lasted": (f"{_ENDED} - {_BEGUN}", _SECONDS),
    },
    size=(24, 10),
    labels=["run", "scenario", "phase", "container_name", "query", "expect"],
    linked={"container_name": _LINKS},
    sort="Began",
    nothing=_NO_SCENARIO,
)

_SCORES = timeseries(
    "Score of the series concerned",
    "How strange each was: above 1 it is flagged, and the more, the stranger. The scale is logarithmic above 1.",
    [over_time(f"max by ({_SERIES}) (sentio_anomaly_score) and {_CONCERNED}", "{{container_name}} {{query}}")],
    size=(14, 9),
    unit="none",
    legend="table",
    custom={
        "axisSoftMax": 2,
        "thresholdsStyle": {"mode": "line"},
        "scaleDistribution": {"type": "symlog", "log": 10, "linearThreshold": 1},
    },
    field={"min": 0, "decimals": 2, "thresholds": steps("transparent", (1, RED)), "noValue": _NO_SCENARIO},
)

_WITHOUT_REASON = table(
    "Flagged without reason, by series",
    "While nothing had been expected of that series for ten minutes: the share of its samples that were flagged, and "
    "how often an alert on it began to fire.",
    {
        "Flagged": (
            f"sum by ({_SERIES}) ({_FLAGS_OUTSIDE}) / sum by ({_SERIES}) ({_SAMPLES_OUTSIDE})",
            filled(
                {
                    "unit": "percentunit",
                    "decimals": 2,
                    "color": {"mode": "thresholds"},
                    "thresholds": steps("transparent", (0.01, ORANGE), (0.1, RED)),
                }
            ),
        ),
        "Alerts": (
            f"sum by ({_SERIES}) ({_FALSE_ALARMS}) or 0 * sum by ({_SERIES}) ({_SAMPLES_OUTSIDE})",
            {"decimals": 0, "custom.align": "right"},
        ),
    },
    size=(10, 9),
    labels=["container_name", "query"],
    linked={"container_name": _LINKS},
    sort="Flagged",
    nothing="nothing was judged in this range",
)

_COVERAGE = timeseries(
    "Coverage of the bands",
    "The share of the samples of about a day that lay in the band, for each series; the line is 99 %.",
    [over_time(f"max by ({_SERIES}) (sentio_forecast_coverage_ratio)", "{{container_name}} {{query}}")],
    size=(24, 8),
    unit="percentunit",
    custom={"thresholdsStyle": {"mode": "dashed"}, "axisSoftMin": 0.9},
    field={"max": 1, "decimals": 1, "thresholds": steps("transparent", (0.99, GREEN))},
)

BOARD = board(
    "sentio-proof",
    "Sentio: proof",
    "What a scenario did, against what Sentio said of it: detections, delays and false alarms.",
    since="now-3h",
    variables=[
        datasource(),
        PAGE,
        typed("step", "Step", "How finely the range is looked at: the scrape interval.", "15s"),
        typed("allowed", "Allowed", "judgement.false_alarms: false alarms a week of each series.", "1"),
        asked(
            "run",
            "Run",
            "Runs of a scenario, by when they were started.",
            "label_values(sentio_scenario_active, run)",
            many=True,
            allValue=".*",
        ),
    ],
    annotations=[
        annotation(
            "Phases",
            'sentio_scenario_active{run=~"$run"}',
            color=GREY,
            title="{{scenario}}: {{phase}}",
            text="{{container_name}}: {{expect}} {{query}}",
            enable=False,
        )
    ],
    panels=[*_NUMBERS, _LANES_PANEL, _TABLE, _SCORES, _WITHOUT_REASON, _COVERAGE],
)
