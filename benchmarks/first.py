"""The first Sentio's way, written anew from what is known of it: everything in the scrape, one series at a time.

On each scrape: ``query=METRIC[1d]``, and for each series of the answer a new Prophet, fitted, and asked for the
whole history and 30 s beyond; its last row goes into three gauges, and the page is rendered. The answer is read
with plain `requests`; all else is Prophet's and prometheus_client's own.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

import pandas as pd
import requests
from prometheus_client import CollectorRegistry, Gauge, generate_latest

for _name in ("prophet", "prophet.plot", "cmdstanpy"):  # before they are imported: they set their own levels
    logging.getLogger(_name).disabled = True

from prophet import Prophet  # noqa: E402 # after its loggers are quiet

from benchmarks.memory import cpu_seconds  # noqa: E402 # the same

_PERIODS, _FREQUENCY, _CHANGEPOINT_PRIOR_SCALE = 30, "s", 1.0
_WAIT_S = 300
_EDGES = ("yhat", "yhat_lower", "yhat_upper")


@dataclass(frozen=True, slots=True)
class Scrape:
    """Seconds of one scrape, and the page it gives; what was done for ``sample`` of ``series`` series is scaled."""

    series: int
    read: float
    fit: float
    predict: float
    render: float
    cpu: float
    page: int

    @property
    def total(self) -> float:
        return self.read + self.fit + self.predict + self.render


def scrape(url: str, metric: str, label: str, sample: int) -> Scrape:
    """One scrape of the first Sentio, doing ``sample`` of the series and scaling that to all of them."""
    registry = CollectorRegistry()
    gauges = {
        edge: Gauge(f"{metric}_{edge}", f"Predicted Metric: {metric}", [label], registry=registry) for edge in _EDGES
    }
    used = cpu_seconds()
    started = time.perf_counter()
    result = _read(url, metric)
    read = time.perf_counter() - started
    reading, fit, predict = cpu_seconds() - used, 0.0, 0.0
    chosen = result[:sample]
    for series in chosen:
        begun = time.perf_counter()
        frame = pd.DataFrame(series["values"], columns=["ds", "y"])
        frame["ds"] = pd.to_datetime(frame["ds"], unit="s")
        frame["y"] = frame["y"].astype(float)
        model = Prophet(changepoint_prior_scale=_CHANGEPOINT_PRIOR_SCALE).fit(frame)
        fitted = time.perf_counter()
        last = model.predict(model.make_future_dataframe(periods=_PERIODS, freq=_FREQUENCY)).iloc[-1]
        for edge, gauge in gauges.items():
            gauge.labels(series["metric"][label]).set(max(0.0, last[edge]))
        fit, predict = fit + fitted - begun, predict + time.perf_counter() - fitted
    begun = time.perf_counter()
    page = generate_latest(registry)
    render = time.perf_counter() - begun
    share = len(result) / len(chosen)
    cpu = reading + (cpu_seconds() - used - reading) * share
    return Scrape(len(result), read, fit * share, predict * share, render * share, cpu, int(len(page) * share))


def _read(url: str, metric: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{url}/api/v1/query", params={"query": f"{metric}[1d]"}, timeout=_WAIT_S)
    if answer.status_code == requests.codes.bad_request:  # the embedded store knows no range in brackets
        now = int(time.time())
        form: dict[str, str | int] = {"query": metric, "start": now - 86_400 + 60, "end": now, "step": 60}
        answer = requests.get(f"{url}/api/v1/query_range", params=form, timeout=_WAIT_S)
    answer.raise_for_status()
    result: list[dict[str, Any]] = json.loads(answer.content)["data"]["result"]
    return result
