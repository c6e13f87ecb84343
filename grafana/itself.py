"""The board of Sentio itself: its ticks, its reads, its models, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana.model import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Json,
    asked,
    board,
    datasource,
    fixed,
    now,
    over_time,
    override,
    row,
    stacked,
    stat,
    steps,
    timeseries,
    words,
)

_OWN = '{job="$job"}'
_NOT_OK = ',outcome!="ok"'
_RATE = "[$__rate_interval]"
_PER_MINUTE = "opm"
_SILENT = "Sentio is not scraped"
_OK = override("ok", fixed(GREEN))
_LEGEND = "{{query}} {{outcome}}"


def _rate(metric: str, by: str, more: str = "") -> str:
    return f'sum by ({by}) (rate({metric}{{job="$job"{more}}}{_RATE}))'


def _quantile(share: float, metric: str, by: str = "", more: str = "") -> str:
    return f"histogram_quantile({share:g}, {_rate(f'{metric}_bucket', f'{by}le', more)})"


def _mean(metric: str, by: str, more: str, span: str) -> str:
    def over(part: str) -> str:
        return f'sum by ({by}) (increase({metric}_{part}{{job="$job"{more}}}[{span}]))'

    return f"{over('sum')} / {over('count')}"


def _lines(title: str, text: str, targets: Sequence[Json], **looks: Any) -> Json:
    """A third of the board's width, from zero up."""
    looks = {"size": (8, 8), **looks, "field": {"min": 0, **looks.get("field", {})}}
    return timeseries(title, text, targets, **looks)


def _durations(title: str, text: str, metric: str, more: str = "") -> Json:
    """Median and 99th percentile by pipeline."""
    named = ((0.5, "p50"), (0.99, "p99"))
    return _lines(
        title,
        text,
        [over_time(_quantile(q, metric, "query, ", more), f"{{{{query}}}} {name}") for q, name in named],
        unit="s",
    )


def _cost(title: str, text: str, expr: str, legend: str, unit: str) -> Json:
    """A single line, a quarter of the board's width."""
    return _lines(
        title,
        text,
        [over_time(expr, legend)],
        size=(6, 8),
        unit=unit,
        legend="hidden",
        custom={"fillOpacity": 10},
        field=fixed(BLUE),
    )


_NUMBERS = [
    stat(
        "Version",
        "What runs here.",
        [now(f"sentio_build_info{_OWN}", "{{version}}")],
        nothing=_SILENT,
        mode="name",
    ),
    stat(
        "Started",
        "When the process started.",
        [now(f"process_start_time_seconds{_OWN} * 1000")],
        unit="dateTimeFromNow",
        nothing=_SILENT,
    ),
    stat(
        "Configuration",
        "Whether the newest configuration was accepted. A refused one changes nothing; the log says what is wrong.",
        [now(f"sentio_config_last_reload_successful{_OWN}")],
        nothing=_SILENT,
        field={"mappings": words({0: ("refused", RED), 1: ("accepted", GREEN)})},
    ),
    stat(
        "Sources",
        "Whether the last read of each pipeline succeeded.",
        [now(f"sentio_datasource_up{_OWN}", "{{query}}")],
        nothing=_SILENT,
        field={"mappings": words({0: ("down", RED), 1: ("up", GREEN)})},
    ),
    stat(
        "Series",
        "Series that arrive, of all pipelines.",
        [now(f"sum(sentio_series{_OWN})")],
        nothing=_SILENT,
    ),
    stat(
        "Errors in the range",
        "Ticks that were not ok, reads that failed, and reports that were not delivered in full.",
        [
            now(
                'sum(increase({__name__=~"sentio_(ticks|reads|sink_deliveries)_total",job="$job",outcome!="ok"}'
                "[$__range])) or vector(0)"
            )
        ],
        nothing=_SILENT,
        field={"thresholds": steps(GREEN, (1, ORANGE)), "decimals": 0},
    ),
]

_WORK = [
    _lines(
        "Ticks by outcome",
        "Per minute. Abandoned: it took longer than its deadline. Skipped: the last one still ran. Late: it took "
        "longer than its interval.",
        [over_time(f"60 * {_rate('sentio_ticks_total', 'tick, outcome')}", "{{tick}} {{outcome}}")],
        unit=_PER_MINUTE,
        custom=stacked(),
    ),
    _durations(
        "Duration of score ticks",
        "Half of them, and 99 of 100, took at most this long.",
        "sentio_tick_duration_seconds",
        ',tick="score"',
    ),
    _lines(
        "Duration of trainings",
        "Mean of the last two hours: a training is rare.",
        [over_time(_mean("sentio_tick_duration_seconds", "query", ',tick="train"', "2h"), "{{query}}")],
        unit="s",
    ),
    _lines(
        "Series by state",
        "Learning: too few samples yet. Constant: never changed while it was learned. Failed: Sentio's page says why.",
        [over_time(f"sum by (query, state) (sentio_series{_OWN})", "{{query}} {{state}}")],
        custom={**stacked("line"), "lineInterpolation": "stepAfter"},
        field={"decimals": 0},
    ),
    _lines(
        "Samples judged",
        "Per second, by pipeline.",
        [over_time(_rate("sentio_samples_total", "query"), "{{query}}")],
        unit="cps",
    ),
    _lines(
        "Fits waiting or under way",
        "Series that the worker processes have yet to fit, and the share of those due that the last training has.",
        [
            over_time(f"sentio_executor_queue_size{_OWN}", "queue"),
            over_time(f"min(sentio_train_progress_ratio{_OWN})", "fitted"),
        ],
        overrides=[
            override("queue", {**fixed(BLUE), "decimals": 0}),
            override("fitted", {**fixed(GREEN), "unit": "percentunit", "max": 1, "custom.axisPlacement": "right"}),
        ],
    ),
]

_READS = [
    _lines(
        "Reads by outcome",
        "Per minute. What is not ok has the reason that docs/metrics.md lists.",
        [over_time(f"60 * {_rate('sentio_reads_total', 'query, outcome')}", _LEGEND)],
        unit=_PER_MINUTE,
        custom=stacked(),
    ),
    _durations(
        "Duration of reads",
        "With their retries: half of them, and 99 of 100, took at most this long.",
        "sentio_read_duration_seconds",
    ),
    _lines(
        "Bytes read",
        "Answers, decompressed. Trainings stand out.",
        [over_time(_rate("sentio_read_bytes_total", "query"), "{{query}}")],
        unit="Bps",
    ),
    _lines(
        "Age of the data",
        "Of the newest sample that was read. It rises while a source is silent.",
        [over_time(f"sentio_data_age_seconds{_OWN}", "{{query}}")],
        unit="s",
    ),
    _lines(
        "Age of the models",
        "Of the oldest in use, since its history ended. It falls with each training.",
        [over_time(f"sentio_model_age_seconds{_OWN}", "{{query}}")],
        unit="s",
    ),
    _lines(
        "What went wrong",
        "Per minute: series left out, by reason; reports not delivered in full; answers with a warning; samples that "
        "were not numbers; retries; saves that failed, and saved models that could not be used.",
        [
            over_time(f"60 * {_rate('sentio_series_failures_total', 'query, reason')}", "{{query}}: {{reason}}"),
            over_time(
                f"60 * {_rate('sentio_sink_deliveries_total', 'query, outcome', _NOT_OK)}",
                "{{query}}: {{outcome}}",
            ),
            *(
                over_time(f'60 * (sum(rate({metric}{{job="$job"{only}}}{_RATE})) or vector(0))', name)
                for name, metric, only in (
                    ("warnings", "sentio_partial_answers_total", ""),
                    ("not numbers", "sentio_samples_dropped_total", ""),
                    ("retries", "sentio_read_retries_total", ""),
                    ("failed saves", "sentio_store_saves_total", _NOT_OK),
                    ("set aside", "sentio_store_set_aside_total", ""),
                )
            ),
        ],
        unit=_PER_MINUTE,
    ),
]

_COST = [
    _cost(
        "Memory",
        "Of the main process, without its workers.",
        f"process_resident_memory_bytes{_OWN}",
        "in use",
        "bytes",
    ),
    _cost(
        "CPU",
        "Of the main process, without its workers: 100 % is one core.",
        f"rate(process_cpu_seconds_total{_OWN}{_RATE})",
        "in use",
        "percentunit",
    ),
    _cost(
        "Size of the page",
        "The series part of /metrics, at the last scrape.",
        f"sentio_page_size_bytes{_OWN}",
        "size",
        "bytes",
    ),
    _lines(
        "Duration of scrapes",
        "Making the answer, and what Prometheus saw of it.",
        [
            over_time(_quantile(0.5, "sentio_scrape_duration_seconds"), "p50"),
            over_time(_quantile(0.99, "sentio_scrape_duration_seconds"), "p99"),
            over_time(f"scrape_duration_seconds{_OWN}", "seen by Prometheus"),
        ],
        size=(6, 8),
        unit="s",
        overrides=[
            override("p50", fixed(GREEN)),
            override("p99", fixed(ORANGE)),
            override("seen by Prometheus", fixed(GREY)),
        ],
    ),
]

BOARD = board(
    "sentio-itself",
    "Sentio: itself",
    "Sentio's own ticks, reads and models, and what it costs.",
    since="now-1h",
    variables=[
        datasource(),
        asked("job", "Job", "The scrape job of Sentio.", "label_values(sentio_build_info, job)"),
    ],
    panels=[
        *_NUMBERS,
        row("Ticks and models"),
        *_WORK,
        row("Reads and errors"),
        *_READS,
        row("Cost"),
        *_COST,
    ],
)
