"""A Prometheus with made-up series in it: a real one where it is on PATH, else the demo's embedded store."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
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
from sentio.types import SECOND, Floats, Ints, SeriesKey, Window

METRIC = "bench_cpu_usage_percent"
LABEL = "container_name"

_NOBODY = "127.0.0.1:9"
"""What Prometheus is told to scrape: all its samples are loaded, also those of the minutes to come."""
_DAY_S = 86_400
_SEED = 7
_BLOCK = "1458h"
"""A step of Prometheus's own ladder of block lengths: promtool reads its whole file once a block."""
_PROCESSES = 2
_LOAD_S = 300


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
def serving(series: int, times: Window, values: Floats | None = None) -> Iterator[Datasource]:
    """``series`` series at ``times``: ``values [series, n]``, or each with a daily curve and noise of its own."""
    if shutil.which("prometheus") and shutil.which("promtool"):
        with tempfile.TemporaryDirectory(prefix="sentio-bench-") as name:
            folder = Path(name)
            _load(folder / "data", series, times, values)
            with PrometheusProcess(folder, _NOBODY, None, interval=60) as process:
                yield Datasource(process.url, _version(process.url))
    else:
        store = Tsdb()
        for i in range(series):
            store.extend(Series(key(i), times.times(), _made_up(i, times.times()) if values is None else values[i]))
        with Server(api(store, time.time), name="bench-store") as server:
            yield Datasource(server.url, "the demo's embedded store (no prometheus and promtool on PATH)")


def _version(url: str) -> str:
    answer = requests.get(f"{url}/api/v1/status/buildinfo", timeout=10).json()
    return f"Prometheus {answer['data']['version']}, loaded with promtool"


def _made_up(i: int, times: Ints) -> Floats:
    """``[n]``: the ``i``-th series."""
    rng = np.random.default_rng([_SEED, i])
    level, swing, phase = rng.uniform(20, 60), rng.uniform(5, 15), rng.uniform(0, 2 * np.pi)
    return level + swing * np.sin(2 * np.pi * (times / SECOND / _DAY_S) + phase) + rng.normal(0, 2, len(times))


def _load(data: Path, series: int, window: Window, values: Floats | None) -> None:
    """Blocks of the series in ``data``: one part of the time in each of a few processes, so that none overlaps."""
    data.mkdir()
    context = multiprocessing.get_context("spawn")
    points = -(-len(window) // _PROCESSES)
    with ProcessPoolExecutor(_PROCESSES, context) as pool:
        tasks = []
        for i, part in enumerate(window.split(points)):
            its = None if values is None else values[:, i * points :][:, : len(part)]
            tasks.append(pool.submit(_load_part, data, series, part, its))
        for task in tasks:
            task.result()


def _load_part(data: Path, series: int, window: Window, values: Floats | None) -> None:
    times = window.times()
    # One replacement and one formatting a series, not one a sample.
    lines = "".join(f"\0 %r {at}\n" for at in (times // SECOND).tolist())
    with tempfile.TemporaryDirectory(prefix="sentio-bench-") as name:
        folder = Path(name)
        with (folder / "history.om").open("w") as file:
            file.write(f"# TYPE {METRIC} gauge\n")
            for i in range(series):
                row = _made_up(i, times) if values is None else values[i]
                file.write(lines.replace("\0", str(key(i))) % tuple(row.tolist()))
            file.write("# EOF\n")
        command = ["promtool", "tsdb", "create-blocks-from", f"--max-block-duration={_BLOCK}", "--quiet"]
        command += ["openmetrics", str(folder / "history.om"), str(folder / "blocks")]
        subprocess.run(command, check=True, capture_output=True, timeout=_LOAD_S)
        for block in (folder / "blocks").iterdir():
            shutil.move(block, data)
