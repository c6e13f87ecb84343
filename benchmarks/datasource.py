"""A Prometheus with made-up series in it: a real one where it is on PATH, else the demo's embedded store."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests

from sentio.demo.api import api
from sentio.demo.prometheus_process import PrometheusProcess
from sentio.demo.series import Series
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.types import SECOND, SeriesKey, Window

METRIC = "bench_cpu_usage_percent"
LABEL = "container_name"

_NOBODY = "127.0.0.1:9"
"""What Prometheus is told to scrape: all its samples are loaded, also those of the minutes to come."""
_DAY_S = 86_400
_SEED = 7


@dataclass(frozen=True, slots=True)
class Datasource:
    """The base of a Prometheus API, and what answers there."""

    url: str
    name: str


def key(i: int) -> SeriesKey:
    """The ``i``-th series, labelled as a scrape of a container's exporter would be."""
    labels = {"job": "bench", "instance": "telegraf:9273", "engine_host": f"host-{i % 10}"}
    return SeriesKey.of({"__name__": METRIC, LABEL: f"service-{i:05d}", **labels})


@contextmanager
def serving(series: int, times: Window) -> Iterator[Datasource]:
    """``series`` series, each with a daily curve and noise of its own, at ``times``."""
    made = _series(series, times)
    if shutil.which("prometheus") and shutil.which("promtool"):
        with tempfile.TemporaryDirectory(prefix="sentio-bench-") as folder:
            process = PrometheusProcess(Path(folder), _NOBODY, None, interval=60)
            process.load(made)
            with process:
                yield Datasource(process.url, _version(process.url))
    else:
        store = Tsdb()
        for one in made:
            store.extend(one)
        with Server(api(store, time.time), name="bench-store") as server:
            yield Datasource(server.url, "the demo's embedded store (no prometheus and promtool on PATH)")


def _version(url: str) -> str:
    answer = requests.get(f"{url}/api/v1/status/buildinfo", timeout=10).json()
    return f"Prometheus {answer['data']['version']}, loaded with promtool"


def _series(count: int, window: Window) -> Iterator[Series]:
    rng = np.random.default_rng(_SEED)
    times = window.times()
    day = 2 * np.pi * (times / SECOND / _DAY_S)
    for i in range(count):
        level, swing, phase = rng.uniform(20, 60), rng.uniform(5, 15), rng.uniform(0, 2 * np.pi)
        values = level + swing * np.sin(day + phase) + rng.normal(0, 2, len(times))
        yield Series(key(i), times, values)
