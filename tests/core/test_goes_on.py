"""A pipeline whose detector learns as it judges: fitted once, never forgotten, saved in time, published without a
forecast."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentio import build, catalog
from sentio.config.load import load
from sentio.config.model import Config
from sentio.detectors.gaussian1d import Gaussian1D
from sentio.detectors.moving_avg import MovingAvg
from sentio.detectors.several import Several
from sentio.exclusion import Exclusion
from sentio.sinks.exposition import Exposition
from sentio.state import State
from sentio.types import ANOMALY, SCORE, SECOND
from tests.core.test_runner import HOUR, STEP, A, B, House
from tests.here import Here


class Going(House):
    def another(self):
        self.detector = Gaussian1D(Gaussian1D.Options(batch=100), Here())
        return super().another()


class Both(House):
    def another(self):
        options = {"of": {"wide": {"type": "gaussian1d", "batch": 500}, "near": {"type": "gaussian1d", "batch": 50}}}
        self.detector = Several(Several.Options.model_validate_json(json.dumps(options)), Here())
        return super().another()


def begun(house: House) -> House:
    house.train()
    house.score(0)
    return house


def test_it_is_fitted_once_and_goes_on():
    house = begun(Going(A, B))
    samples = house.runner.state["samples"].copy()
    for _ in range(30):
        house.score()
    for _ in range(4):
        house.now += HOUR
        house.train()
    assert house.value("sentio_fits_total", state="ready") == 2
    np.testing.assert_array_equal(house.runner.state["samples"], samples + 30)
    # Nor is it too old: it has learned since.
    report = house.score(30 * STEP)
    assert np.isfinite(report.scores.outputs[SCORE]).all()


def test_a_new_series_is_fitted_and_the_others_are_left_alone():
    house = begun(Going(A))
    for _ in range(20):
        house.score()
    kept = house.runner.state.select(np.array([0]))
    house.source.keys = (A, B)
    house.score()
    after = house.runner.state.select(np.array([0]))["samples"]
    house.now += HOUR // 2
    house.train()
    state = house.runner.state
    assert state.keys == (A, B)
    assert state["samples"][0] == after[0] == kept["samples"][0] + 1
    assert house.value("sentio_fits_total", state="ready") == 2


class Mean(House):
    def another(self):
        self.detector = MovingAvg(MovingAvg.Options(size=5), Here())
        return super().another()


def test_a_new_series_begins_with_its_first_sample_where_it_needs_no_history():
    house = begun(Mean(A))
    house.source.keys = (A, B)
    report = house.score()
    means = report.scores.outputs["mean"]
    assert means[1] == report.scores.values[1]
    report = house.score()
    assert np.isfinite(report.scores.outputs["mean"]).all()
    house.train()
    assert house.runner.state["samples"][1] == 2
    assert house.value("sentio_fits_total", state="ready") == 1


def test_so_it_does_after_a_restart():
    house = begun(Mean(A))
    saved = house.runner.snapshot()
    house.runner = house.another()
    house.runner.restore(saved, house.now)
    house.score()
    house.train()
    house.source.keys = (A, B)
    report = house.score()
    assert report.scores.outputs["mean"][1] == report.scores.values[1]


def test_at_the_start_the_history_comes_first():
    house = Mean(A)
    report = house.score(0)
    assert np.isnan(report.scores.outputs["mean"]).all()
    house.train()
    assert house.runner.state["samples"][0] > 100
    # It has been published again since, and what was learned from is not said.
    report = house.score()
    assert np.isfinite(report.scores.outputs["mean"]).all()


def test_what_was_said_stays_said_when_another_series_is_fitted():
    house = begun(Mean(A))
    house.runner.line = replace(house.runner.line, detector=Late(MovingAvg.Options(size=5), Here()))
    said = house.score().scores.outputs["mean"][0, 0]
    house.source.keys = (A, B)
    assert np.isfinite(said)
    before = house.score().scores.outputs["mean"].copy()
    assert np.isnan(before[1]).all()
    house.now += 60 * SECOND
    reports = len(house.sink.reports)
    house.train()
    assert len(house.sink.reports) == reports + 1
    np.testing.assert_array_equal(house.sink.reports[-1].scores.outputs["mean"][0], before[0])


class Late(MovingAvg):
    begins_at_once = False


def test_what_is_left_out_is_not_learned_from():
    house = begun(Mean(A))
    kept = house.runner.state["samples"][0]
    start, end = house.now + 10 * STEP, house.now + 20 * STEP
    house.runner.line = replace(house.runner.line, exclusion=Exclusion(spans=((start, end),)))
    for _ in range(30):
        report = house.score()
        out = start <= house.now < end
        assert np.isnan(report.scores.outputs["mean"]).all() == out
        assert np.isfinite(report.scores.values).all()
    assert house.runner.state["samples"][0] == kept + 20


def test_it_is_saved_though_nothing_is_fitted():
    house = begun(Going(A))
    before = len(house.saved)
    for _ in range(3):
        house.score()
        house.train()
    assert len(house.saved) == before
    house.now += 11 * 60 * SECOND
    house.score()
    house.train()
    assert len(house.saved) == before + 1
    assert house.saved[-1]["samples"][0] == house.runner.state["samples"][0]


def test_a_restart_goes_on_where_it_stopped():
    house, other = begun(Going(A, B)), begun(Going(A, B))
    for _ in range(40):
        house.score()
        other.score()
    saved = State.from_arrays(house.runner.snapshot().to_arrays())
    house.runner = house.another()
    house.runner.restore(saved, house.now)
    for i in range(200):
        report, expected = house.score(), other.score()
        for name, values in expected.scores.outputs.items():
            np.testing.assert_array_equal(report.scores.outputs[name], values, err_msg=f"{name} {i}")


@pytest.mark.parametrize("away", [0, 1, 5])
def test_what_came_while_it_did_not_run_is_learned_from(away):
    """Each step of it, in order: else windows and batches of the days after would be others."""
    house, other = begun(Going(A, B)), begun(Going(A, B))
    for _ in range(40):
        house.score()
        other.score()
    saved = State.from_arrays(house.runner.snapshot().to_arrays())
    house.runner = house.another()
    house.now += away * STEP
    house.runner.restore(saved, house.now)
    report = house.score(0)
    assert len(report.scores.times) == max(1, away)
    for i in range(away):
        expected = other.score()
        for name, values in expected.scores.outputs.items():
            np.testing.assert_array_equal(report.scores.outputs[name][:, [i]], values, err_msg=f"{name} {i}")
    house.train()
    for i in range(200):
        report, expected = house.score(), other.score()
        for name, values in expected.scores.outputs.items():
            np.testing.assert_array_equal(report.scores.outputs[name], values, err_msg=f"{name} {i}")
    np.testing.assert_array_equal(house.runner.state["samples"], other.runner.state["samples"])


def test_several_are_published_each_by_its_name():
    house = begun(Both(A, B))
    house.source.bump[B] = 100.0
    report = house.score()
    page = Exposition(lambda _: HOUR, lambda _: None)
    page.emit(report)
    lines = page.page(house.now).text.plain().decode().splitlines()
    near = [line for line in lines if line.startswith("sentio_output{") and 'detector="near",output="distance"' in line]
    assert len(near) == 2
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("sentio_anomaly{")] == ["0.0", "1.0"]
    assert not [line for line in lines if line.startswith(("sentio_yhat", "sentio_forecast"))]
    assert report.scores.outputs[ANOMALY].tolist() == [[0.0], [1.0]]


def configured(detector: str, more: str = "") -> Config:
    file = Path("sentio.yml")
    file.write_text(
        "sources: {p: {type: prometheus, url: 'http://127.0.0.1:1'}}\n"
        f"pipelines: {{q: {{source: p, query: m, step: 15s, detector: {detector}{more}}}}}\n"
    )
    return load([file], {})


def test_the_judge_is_for_forecasts_unless_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for detector, more, enabled in (
        ("{type: prophet}", "", True),
        ("{type: gaussian1d}", "", False),
        ("{type: gaussian1d}", ", judgement: {enabled: true}", True),
        ("{type: prophet}", ", judgement: {enabled: false}", False),
        ("{type: several, of: {a: {type: prophet}, b: {type: gaussian1d}}}", "", True),
        ("{type: several, of: {b: {type: gaussian1d}, a: {type: prophet}}}", "", False),
    ):
        pipeline = configured(detector, more).pipelines["q"]
        made = catalog.resolve("detectors", pipeline.detector.type)(pipeline.detector.options, Here())
        assert build.line("q", pipeline, None, made).judge.policy.enabled is enabled, (detector, more)


def test_its_history_has_every_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pipeline = configured("{type: gaussian1d}").pipelines["q"]
    assert build.timing(pipeline, every_step=True).window == 6000 * pipeline.step
    assert build.timing(pipeline).window > 14 * 24 * HOUR
