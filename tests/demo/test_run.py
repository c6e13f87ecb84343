"""The demo's surroundings as a whole, with the embedded store and with a real Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from sentio.demo.blocks import PrometheusError
from sentio.demo.run import Demo
from sentio.demo.simulator import CPU, FAULT
from tests.servers import PATIENCE_S, need_prometheus, until

from .conftest import Api


def ask(demo: Demo, query: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = Api(demo.url).data("query", query=query)["result"]
    return result


def demo_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("demo-")]


def history_then_live(demo: Demo, begun: float) -> None:
    """Live samples continue the history's very series."""
    until(lambda: len(ask(demo, FAULT)) == 6, 10, "live samples")
    first = begun - 14 * 86_400 + 60
    data = Api(demo.url).data("query_range", query=CPU, start=first, end=time.time(), step="5m")["result"]
    assert len(data) == 6
    assert {len(row["values"]) for row in data} >= {14 * 288}
    assert requests.get(demo.exporter_url, timeout=PATIENCE_S).ok
    assert len(ask(demo, CPU)) == 6


def shifted(seconds: float) -> Callable[[], float]:
    begun = time.time()

    def clock() -> float:
        now = time.time()
        return now if now < begun + 0.5 else now + seconds

    return clock


def test_the_embedded_store() -> None:
    demo = Demo(scrape_every=0.1)
    begun = time.time()
    demo.start()
    history_then_live(demo, begun)
    demo.stop()
    demo.stop()
    assert not demo_threads()
    with pytest.raises(requests.ConnectionError):
        requests.get(demo.url, timeout=PATIENCE_S)


def test_a_fault_and_its_truth_reach_the_store_together() -> None:
    with Demo(clock=shifted(80), scrape_every=0.1) as demo:
        time.sleep(0.6)
        until(lambda: any(row["value"][1] == "1" for row in ask(demo, FAULT)), 10, "a fault")
        (name,) = (r["metric"]["container_name"] for r in ask(demo, FAULT) if r["value"][1] == "1")
        (row,) = ask(demo, f'{CPU}{{container_name="{name}"}}')
        now = row["value"][0]
        (calm,) = Api(demo.url).data("query", query=f'{CPU}{{container_name="{name}"}}', time=now - 3600)["result"]
        assert abs(float(row["value"][1]) / float(calm["value"][1]) - 1) > 0.5


def test_a_real_prometheus() -> None:
    need_prometheus()
    begun = time.time()
    with Demo(scrape_every=0.2, prometheus=True, sentio="127.0.0.1:1") as demo:
        history_then_live(demo, begun)
        up = {"demo": "1", "sentio": "0"}
        until(lambda: {r["metric"]["job"]: r["value"][1] for r in ask(demo, "up")} == up, 10, "both are scraped")
    with pytest.raises(requests.ConnectionError):
        requests.get(demo.url, timeout=PATIENCE_S)


def test_what_was_started_is_stopped_when_the_rest_cannot_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrometheusError, match="no such program on PATH"):
        Demo(prometheus=True).start()
    assert not demo_threads()
