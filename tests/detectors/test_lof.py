"""The local outlier factor: scikit-learn's own figures, and what it is fitted to."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from sentio import catalog
from sentio.config.load import load
from sentio.errors import ConfigError
from sentio.state import SeriesStatus
from sentio.types import ANOMALY, SCORE

from .drive import cut, detector, flags, panel, written_down

RNG = np.random.default_rng(5)


def original(sample, values, neighbors: int = 20) -> tuple[list[float], list[float]]:
    """Its score, and the factor."""
    fit = LocalOutlierFactor(n_neighbors=neighbors, novelty=True, algorithm="kd_tree")
    fit.fit(np.reshape(sample, (-1, 1)))
    column = np.reshape(values, (-1, 1))
    return ((1 - fit.predict(column)) / 2).tolist(), (-fit.score_samples(column)).tolist()


def test_its_scores_are_scikit_learns():
    made = detector("lof")
    history = np.concatenate([RNG.normal(size=600), RNG.normal(40, 3, size=200)])
    values = np.concatenate([RNG.normal(size=50), RNG.normal(40, 3, size=50), np.linspace(-10, 60, 60)])
    _, scores = made.score(made.fit(panel(history)), panel(values, start=800))
    score, factor = original(history, values)
    assert scores.outputs["score"][0].tolist() == score
    assert scores.outputs["factor"][0].tolist() == factor
    assert scores.outputs[ANOMALY][0].tolist() == score
    assert 30 < sum(score) < 120


def test_between_two_clusters_is_anomalous_and_in_them_is_not():
    made = detector("lof")
    history = np.concatenate([RNG.normal(0, 1, size=300), RNG.normal(100, 1, size=300)])
    _, scores = made.score(made.fit(panel(history)), panel([0.0, 50.0, 100.0, 120.0], start=600))
    assert flags(scores) == [1, 3]
    assert scores.outputs[SCORE][0][[0, 2]].max() < 0.2


def test_after_each_batch_it_is_fitted_to_the_newest_samples():
    values = RNG.normal(size=300)
    made = detector("lof", window=100, batch=50)
    whole = panel(values)
    _, scores = made.score(made.fit(cut(whole, 0, 150)), cut(whole, 150))
    for end in (150, 200, 250):
        expected = original(values[end - 100 : end], values[end : end + 50])[1]
        # The same samples in another order: the sums of their distances differ in the last bits.
        np.testing.assert_allclose(scores.outputs["factor"][0][end - 150 : end - 100], expected, rtol=1e-9)


def test_nothing_depends_on_what_is_remembered():
    values = RNG.normal(size=(3, 260))
    whole = panel(*values)
    one = detector("lof", window=60, batch=20)
    state = one.fit(cut(whole, 0, 100))
    _, at_once = one.score(state, cut(whole, 100))
    parts = []
    for first in range(100, 260, 7):
        new = detector("lof", window=60, batch=20)  # remembers nothing
        state, scores = new.score(written_down(state), cut(whole, first, min(260, first + 7)))
        parts.append(scores.outputs["factor"])
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), at_once.outputs["factor"])


def test_too_few_neighbours_say_nothing():
    made = detector("lof", batch=10)
    whole = panel(RNG.normal(size=60))
    state = made.fit(cut(whole, 0, 5))
    assert state["status"].tolist() == [SeriesStatus.LEARNING]
    state, scores = made.score(state, cut(whole, 5))
    assert np.isnan(scores.outputs[ANOMALY][0]).tolist() == [True] * 16 + [False] * 39
    assert state["status"].tolist() == [SeriesStatus.READY]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("history", [[7.0] * 100, [1e308, -1e308] * 50, [0.0] * 99 + [1e-300]])
def test_what_is_extreme_has_a_bound(history):
    made = detector("lof")
    fresh = panel([history[0], 50.0, 1e308, -1e308], start=100)
    _, scores = made.score(made.fit(panel(history)), fresh)
    for output in scores.outputs.values():
        assert np.isfinite(output).all()
    assert scores.outputs[ANOMALY][0][0] == 0


def test_without_scikit_learn_the_type_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "sentio.yml"
    file.write_text(
        "sources: {p: {type: prometheus, url: http://localhost:9090}}\n"
        "pipelines:\n  cpu: {source: p, query: up, detector: {type: lof}}\n"
    )
    assert load([file], {}).pipelines["cpu"].detector.type == "lof"
    there = importlib.util.find_spec
    module = catalog.resolve("detectors", "lof").__module__
    monkeypatch.setattr(f"{module}.find_spec", lambda name: None if name == "sklearn" else there(name))
    with pytest.raises(ConfigError) as refused:
        load([file], {})
    wrong = "needs the package scikit-learn, which is not installed; pip install 'sentio[lof]' is expected"
    assert refused.value.problems == (f"{file}:3: pipelines.cpu.detector: {wrong}",)
