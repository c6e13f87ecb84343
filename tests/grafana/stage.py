"""The stack in small: containers with faults, the truth about them, Sentio, and a Prometheus with the alerts."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sentio.demo.prometheus_process import PrometheusProcess
from sentio.demo.series import Series, under_target
from sentio.types import SECOND, SeriesKey
from tests.docs.pages import ROOT
from tests.servers import Exporter, Prometheus, SentioProcess, free_port, need_prometheus, until

RULES = ROOT / "prometheus/rules/sentio.yml"
CONTAINERS = ("workload", "workload-batch", "workload-db")
LEVELS = {"docker_container_cpu_usage_percent": 20.0, "docker_container_mem_usage": 2e8}
CPU, MEMORY = LEVELS
TRUTH = "sentio_scenario_active"
_HISTORY_S = 30 * 3600
_SPACING_S = 60
_RECENT_S = 1800
_WAIT_S = 60
_FLAT = {"growth": "flat", "weekly_seasonality": False, "daily_seasonality": False, "yearly_seasonality": False}


class Stage:
    """What runs, and how to change it."""

    def __init__(self, prometheus: Prometheus, containers: Exporter, truth: Exporter) -> None:
        self.prometheus = prometheus
        self._containers = containers
        self._truth = truth

    def show(self, metric: str, container: str, factor: float = 1.0) -> None:
        """The container's usual level, within 2 %, times ``factor``."""
        level = LEVELS[metric] * factor
        key = SeriesKey(metric, (("container_name", container),))
        self._containers.series[key] = lambda t: level * (1 + 0.02 * math.sin(1.7 * t))

    def hide(self, metric: str, container: str) -> None:
        del self._containers.series[SeriesKey(metric, (("container_name", container),))]

    def show_twins(self) -> None:
        """Two series whose labels are the same once Sentio has published them."""
        for label in ("query", "exported_query"):
            self._containers.series[SeriesKey("twins", ((label, "x"),))] = lambda t: t % 7

    def expect(self, expect: str, container: str, query: str) -> None:
        self._truth.series[_truth(expect, container, query)] = lambda _: 1.0

    def expect_no_more(self, expect: str, container: str, query: str) -> None:
        del self._truth.series[_truth(expect, container, query)]

    def there(self, query: str, count: int = 1) -> None:
        """Returns once Prometheus gives at least so many series for it."""
        until(lambda: len(self.prometheus.instant(query)) >= count, _WAIT_S, query)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Stage]:
    """With everything on it that a board has a panel for, a few seconds after it happened."""
    need_prometheus()
    with contextlib.ExitStack() as stack:
        containers, truth = stack.enter_context(Exporter(CPU)), stack.enter_context(Exporter(TRUTH))
        sentio = SentioProcess(folder / "sentio")
        process = _Prometheus(folder, {"telegraf": containers, "sentio": sentio, "scenario": truth})
        process.load(_history(containers.address, time.time()))
        stack.enter_context(process)
        prometheus = Prometheus(process.url, folder / "prometheus.log")
        stage = Stage(prometheus, containers, truth)
        for metric in LEVELS:
            for container in CONTAINERS:
                stage.show(metric, container)
        stage.show_twins()
        # Until the first scrape Prometheus gives the last value of the history: a series that stands still.
        stage.there('count_over_time(up{job="telegraf"}[1m]) >= 5')
        sentio.configure(_configuration(process.url))
        stack.enter_context(sentio)
        stage.there("sentio_yhat", len(LEVELS) * len(CONTAINERS))
        # Only what was scraped is gone at once when it is not there any more.
        stage.there(f"count_over_time({CPU}[5s]) > 1", len(CONTAINERS))
        # A share of one sample would be all or nothing.
        stage.there("count_over_time(sentio_anomaly[1m]) >= 5", len(LEVELS) * len(CONTAINERS))
        _act(stage)
        yield stage


def _act(stage: Stage) -> None:
    """What is noticed, what is missed, what is not noticed yet, and what is though nobody said that it would be."""
    stage.expect("above", "workload-batch", "memory")
    stage.expect("below", "workload", "memory")
    stage.expect("above", "workload", "cpu")
    stage.expect("missing", "workload-db", "cpu")
    # Each target is scraped by itself: what is seen before the truth about it would be without reason.
    stage.there(TRUTH, 4)
    stage.show(CPU, "workload", 3)
    stage.show(CPU, "workload-batch", 3)
    stage.hide(CPU, "workload-db")
    stage.there('ALERTS{alertname="SentioAnomaly",alertstate="firing"}', 2)
    stage.there('ALERTS{alertname="SentioSeriesMissing",alertstate="firing"}')
    stage.expect_no_more("below", "workload", "memory")
    stage.there('rate(sentio_series_failures_total{reason="unknown_metric"}[1m]) > 0')
    stage.there('rate(sentio_sink_deliveries_total{outcome="duplicate_labels"}[1m]) > 0')
    stage.there('increase(sentio_tick_duration_seconds_count{query="cpu",tick="train"}[2h]) > 0')
    until(lambda: not stage.prometheus.instant(f'{TRUTH}{{expect="below"}}'), _WAIT_S, "the missed one is over")
    # An incident that is open, and its alert.
    stage.there('sentio_anomaly_type{query="cpu"} == 1', 2)
    stage.there('sentio_alert_level{query="cpu"} == 2', 2)
    # The boards look at steps of fifteen seconds.
    stage.there("sum_over_time(sentio_anomaly[1m:15s]) > 0")


def _truth(expect: str, container: str, query: str) -> SeriesKey:
    run = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime())
    about = {"scenario": "test", "phase": expect, "expect": expect, "run": run}
    return SeriesKey.of({"__name__": TRUTH, **about, "container_name": container, "query": query})


def _history(exporter: str, now: float) -> list[Series]:
    """More than a day of the usual levels, as if it had been scraped: skill is against what came a day before.

    The last half hour is as dense as what is scraped from now on. A judge that begins with a value a minute, each held
    for a minute, has not seen how the series goes from one second to the next, and may flag it for doing so.
    """
    start, recent, end = int(now) - _HISTORY_S, int(now) - _RECENT_S, int(now) - 1
    seconds = np.concatenate([np.arange(start, recent, _SPACING_S), np.arange(recent, end)])
    target = {"job": "telegraf", "instance": exporter}
    return [
        Series(
            under_target(SeriesKey(metric, (("container_name", container),)), target),
            seconds.astype(np.int64) * SECOND,
            level * (1 + 0.02 * np.sin(1.7 * seconds)),
        )
        for metric, level in LEVELS.items()
        for container in CONTAINERS
    ]


def _configuration(prometheus: str) -> dict[str, Any]:
    nobody = f"http://127.0.0.1:{free_port()}"
    return {
        "sources": {
            "prometheus": {"type": "prometheus", "url": prometheus},
            "nobody": {"type": "prometheus", "url": nobody, "retries": 1, "timeout": "1s"},
        },
        "defaults": {
            "source": "prometheus",
            "step": "1s",
            "train": {"window": f"{_HISTORY_S}s", "every": "2s", "max_points": 300},
            "forecast": {"horizons": ["5s"]},
            "detector": {"type": "prophet", **_FLAT},
        },
        "pipelines": {
            # What is out of range is flagged as long as it lasts, whatever a series so young makes of it.
            "cpu": {"query": f"max by (container_name) ({CPU})", "judgement": {"data_range": [0, 2 * LEVELS[CPU]]}},
            "memory": {"query": f"max by (container_name) ({MEMORY})"},
            "range": {"query": MEMORY, "detector": {"type": "threshold", "upper": 100 * LEVELS[MEMORY]}},
            # Whatever can go wrong does, so that the panels about it have something to show.
            "down": {"source": "nobody", "query": "up"},
            "unknown": {"query": "docker_container_no_such_metric"},
            "twins": {"query": "sum by (query, exported_query) (twins)"},
        },
    }


class _Prometheus(PrometheusProcess):
    """With the stack's jobs and rules, all of it once a second."""

    def __init__(self, folder: Path, jobs: dict[str, Exporter | SentioProcess]) -> None:
        super().__init__(folder, exporter="", sentio=None, interval=1.0)
        (folder / "rules.yml").write_text(_hurried(RULES), "utf-8")
        self._config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yml")],
            "scrape_configs": [
                {
                    "job_name": name,
                    "honor_labels": name != "telegraf",
                    "static_configs": [{"targets": [target.address]}],
                }
                for name, target in jobs.items()
            ],
        }


def _hurried(rules: Path) -> str:
    """The same rules, waiting a second where they wait minutes."""
    content = yaml.safe_load(rules.read_text("utf-8"))
    for group in content["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    return yaml.safe_dump(content)
