"""A Prometheus API with a few series in it, and Sentio over it: all in this process, over real sockets."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sentio.cli.serve import digest
from sentio.config.load import load
from sentio.demo.api import api
from sentio.demo.series import Series
from sentio.demo.tsdb import Tsdb
from sentio.server import Server
from sentio.service import Service
from sentio.types import SECOND, SeriesKey
from sentio.web.app import make_server
from tests.servers import PATIENCE_S


def eventually(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Waits until ``condition`` holds; its last value or error is in the failure."""
    until, last = time.monotonic() + within_s, None
    while time.monotonic() < until:
        try:
            if last := condition():
                return
        except OSError as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {last!r}")


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 # http on the loopback
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310 # http on the loopback
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(page: str, line: str) -> float | None:
    """The value of the first sample whose line starts with ``line``."""
    for text in page.splitlines():
        if text.startswith(line):
            return float(text.rpartition(" ")[2])
    return None


@contextmanager
def prometheus(series: int = 3, hours: float = 3, until_s: float | None = None) -> Iterator[Server]:
    """An hour-shaped metric ``load{i="…"}``, a sample every 15 s up to now and some way on."""
    store = Tsdb()
    end = until_s or time.time() + 3600
    times = np.arange(time.time() - hours * 3600, end, 15.0)
    noise = np.random.default_rng(1).normal(size=(series, len(times)))
    for i in range(series):
        key = SeriesKey("load", (("i", str(i)),))
        values = 20 + 10 * i + 5 * np.sin(times / 600) + noise[i]
        store.extend(Series(key, (times * SECOND).astype(np.int64), values))
    with Server(api(store, time.time), name="store") as server:
        yield server


def config_text(url: str, store: Path, **pipelines: str) -> str:
    """A configuration with these pipelines, each given as the rest of its mapping."""
    lines = [f"sources: {{main: {{type: prometheus, url: '{url}', timeout: 5s, retries: 0}}}}", "pipelines:"]
    for alias, more in (pipelines or {"load": "query: load"}).items():
        lines.append(f"  {alias}: {{source: main, {more}}}")
    lines.append(f"store: {{path: {store}}}")
    return "\n".join(lines) + "\n"


@contextmanager
def running(paths: list[Path], *, lifecycle: bool = False) -> Iterator[tuple[Service, Server]]:
    """A service over ``paths``; the list may be changed while it runs."""
    service = Service(lambda: load(paths, os.environ), lambda: digest(paths))
    try:
        yield service, service.start(lambda s: make_server(s, "127.0.0.1", 0, lifecycle=lifecycle))
    finally:
        service.stop()
