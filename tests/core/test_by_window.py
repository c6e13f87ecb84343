"""A pipeline whose detector keeps the window that it learned from: every step of it, anomalies among them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sentio import build
from sentio.config.load import load
from sentio.detectors.pyod import Pyod
from sentio.state import SeriesStatus, State
from sentio.telemetry import Telemetry
from sentio.types import ANOMALY, SCORE, SECOND
from tests.core.test_runner import HOUR, STEP, A, B, House
from tests.here import Here


class Windows(House):
    def another(self):
        options = {"preprocess": {"lags": 2}, "models": [{"name": "KNN", "params": {"contamination": 0.01}}]}
        self.detector = Pyod(Pyod.Options.model_validate_json(json.dumps(options)), Here())
        return super().another()


def begun() -> Windows:
    house = Windows(A, B)
    house.train()
    house.score(0)
    return house


def test_a_jump_is_flagged_and_learned_from():
    house = begun()
    for _ in range(10):
        house.score()
    house.source.bump[A] = 500.0
    report = house.score()
    assert report.scores.outputs[ANOMALY].tolist() == [[1.0], [0.0]]
    at = house.now // STEP * STEP
    house.source.bump[A] = 0.0
    house.now += HOUR
    house.score(0)
    house.train()
    state = house.runner.state
    row = state["window_values"][0, : state["window_count"][0]]
    assert row.max() > 400
    assert state["window_times"][0, row.argmax()] == at


def test_it_is_fitted_anew():
    house = begun()
    first = house.runner.state["fitted_at"].copy()
    house.now += HOUR
    house.score(0)
    house.train()
    assert (house.runner.state["fitted_at"] >= first + HOUR).all()
    assert (house.runner.state["status"] == SeriesStatus.READY).all()


def test_a_restart_goes_on_with_the_same_scores():
    house, other = begun(), begun()
    for _ in range(10):
        house.score()
        other.score()
    saved = State.from_arrays(house.runner.snapshot().to_arrays())
    house.runner = house.another()
    house.runner.restore(saved, house.now)
    for _ in range(10):
        report, expected = house.score(), other.score()
        for name, values in expected.scores.outputs.items():
            np.testing.assert_array_equal(report.scores.outputs[name], values, err_msg=name)
        assert np.isfinite(report.scores.outputs[SCORE]).all()


@pytest.mark.parametrize(
    ("detector", "every_step"),
    [
        ("{type: pyod}", True),
        ("{type: gaussian1d}", True),
        ("{type: prophet}", False),
        ("{type: several, of: {a: {type: pyod}, b: {type: gaussian1d}}}", True),
        ("{type: several, of: {a: {type: pyod}, b: {type: prophet}}}", False),
    ],
)
def test_whose_history_has_every_step(tmp_path: Path, detector: str, every_step: bool):
    file = tmp_path / "sentio.yml"
    file.write_text(
        "sources: {p: {type: prometheus, url: 'http://127.0.0.1:1'}}\n"
        f"pipelines: {{q: {{source: p, query: m, step: 15s, detector: {detector}}}}}\n",
        "utf-8",
    )
    made = build.runner(
        load([file], {}), "q", executor=Here(), sinks=(), telemetry=Telemetry(), pause=lambda _: None, save=print
    )
    assert (made.timing.window == 6000 * 15 * SECOND) is every_step
