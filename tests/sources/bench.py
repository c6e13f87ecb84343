"""One pipeline on a bench: made from YAML as `sentio serve` makes it, its ticks driven by hand at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import yaml

from sentio import build
from sentio.config.load import load
from sentio.config.redact import redact
from sentio.errors import SourceError
from sentio.guard import GuardedSink
from sentio.runner import Runner, Tick
from sentio.sinks.exposition import Exposition
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.types import Window
from sentio.web.app import make_server
from tests.servers import Page

STEP_S = 5
HISTORY_S = 600
SMALL_PROPHET = {
    "type": "prophet",
    "growth": "flat",
    "n_changepoints": 0,
    "yearly_seasonality": False,
    "weekly_seasonality": False,
    "daily_seasonality": False,
}


class Bench:
    """Stands for the service that the web server shows; the alias of its pipeline is ``q``."""

    ready = True

    def __init__(self, folder: Path, url: str, pool: Executor, *, pause: Callable[[float], object], **source: Any):
        query = source.pop("query", "m")
        step = source.pop("step", f"{STEP_S}s")
        config = {
            "sources": {"prom": {"type": "prometheus", "url": url, "timeout": "30s", "retries": 0, **source}},
            "pipelines": {
                "q": {
                    "source": "prom",
                    "query": query,
                    "step": step,
                    "train": {"window": f"{HISTORY_S}s"},
                    "judgement": {"enabled": False},
                    "detector": SMALL_PROPHET,
                }
            },
        }
        path = folder / "sentio.yml"
        path.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
        self.config = load([path], {})
        pipeline = self.config.pipelines["q"]
        self.step, self.ttl = pipeline.step, pipeline.awaited
        self.telemetry = Telemetry()
        self.exposition = Exposition(ttl=lambda _: pipeline.awaited + pipeline.score_every, legacy=lambda _: None)
        sink = GuardedSink(self.exposition, name="exposition", telemetry=self.telemetry, redact=self.redact)
        self.runner: Runner = build.runner(
            self.config, "q", executor=pool, sinks=(sink,), telemetry=self.telemetry, pause=pause, save=_forget
        )
        self.source = self.runner.line.source
        self.start = time.time_ns() // self.step * self.step
        self.web = make_server(self, "127.0.0.1", 0, lifecycle=False)

    def runners(self) -> list[Runner]:
        return [self.runner]

    def redact(self, text: str) -> str:
        return redact(text, self.config.secrets)

    def at(self, ticks: int) -> int:
        """The time of a tick, counted from when the bench was set up."""
        return self.start + ticks * self.step

    def train(self, ticks: int = 0) -> str:
        """What the tick failed with; empty where it did not."""
        return _told(self.runner.train, self.at(ticks))

    def score(self, ticks: int) -> str:
        return _told(self.runner.score, self.at(ticks))

    def trained(self) -> Bench:
        assert self.train() == ""
        assert self.score(0) == ""
        return self

    def page(self) -> Page:
        return Page(self.web.url)

    def history(self, ticks: int) -> dict[str, dict[int, float]]:
        """What is remembered up to then: for each series its samples by their time in nanoseconds."""
        panel = self.runner._learning.histories.whole.panel(self.runner._learning.histories.whole.keys, self.at(ticks))
        rows = zip(panel.keys, panel.values.tolist(), strict=True)
        times = panel.times.tolist()
        return {str(key): {t: v for t, v in zip(times, row, strict=True) if v == v} for key, row in rows}

    def gaps(self, ticks: int) -> list[int]:
        """The times up to then at which some series has no sample, though the window holds them."""
        window = Window.ending(self.at(ticks), self.runner.timing.window, self.runner._learning.histories.whole.step)
        rows = self.history(ticks).values()
        assert rows
        return [at for at in window.times().tolist() if any(at not in samples for samples in rows)]


def _told(tick: Callable[[int, Tick], None], now: int) -> str:
    try:
        tick(now, Tick())
    except SourceError as error:
        return str(error)
    return ""


def _forget(_: State) -> None:
    pass
