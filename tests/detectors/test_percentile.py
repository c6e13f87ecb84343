"""Ranks among other samples: what they are ranked in, and that a rank is SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import percentileofscore

from sentio.state import SeriesStatus
from sentio.types import ANOMALY, SCORE

from .drive import cut, detector, flags, panel, written_down

RNG = np.random.default_rng(3)


def ranks(sample, values) -> list[float]:
    return [0.01 * percentileofscore(sample, value, kind="rank") for value in values]


def test_the_first_batch_leaves_its_first_samples_and_the_next_its_last():
    values = RNG.normal(size=200).round(1)
    made = detector("percentile1d", window=40, batch=50)
    whole = panel(values)
    _, scores = made.score(made.fit(cut(whole, 0, 60)), cut(whole, 60))
    said = scores.outputs["score"][0]
    np.testing.assert_array_equal(said[:50], ranks(values[:40], values[60:110]))
    np.testing.assert_array_equal(said[50:100], ranks(values[70:110], values[110:160]))
    np.testing.assert_array_equal(said[100:], ranks(values[120:160], values[160:]))


def test_a_batch_that_is_shorter_than_the_window_moves_it_on():
    values = RNG.normal(size=140)
    made = detector("percentile1d", window=50, batch=20)
    whole = panel(values)
    _, scores = made.score(made.fit(cut(whole, 0, 100)), cut(whole, 100))
    said = scores.outputs["score"][0]
    np.testing.assert_array_equal(said[20:], ranks([*values[20:50], *values[100:120]], values[120:]))


def test_without_a_history_the_first_batch_is_not_judged():
    values = RNG.normal(size=100)
    made = detector("quantile1d", batch=40)
    whole = panel(values)
    _, scores = made.score(made.fit(cut(whole, 0, 0)), whole)
    said = scores.outputs["score"][0]
    assert np.isnan(said[:40]).all()
    np.testing.assert_array_equal(said[40:80], ranks(values[:40], values[40:80]))


def test_quantile1d_has_a_window_of_its_own():
    made = detector("quantile1d")
    values = RNG.normal(size=401)
    _, scores = made.score(made.fit(panel(values[:400])), panel(values[400:], start=400))
    assert scores.outputs["score"][0].tolist() == ranks(values[:100], values[400:])


@pytest.mark.parametrize("name", ["percentile1d", "quantile1d", "percentile"])
def test_both_ends_are_anomalous(name):
    made = detector(name, threshold=0.95)
    _, scores = made.score(made.fit(panel(np.arange(100.0))), panel([-1.0, 50.0, 101.0, 3.0, 6.0, 92.0], start=100))
    assert flags(scores) == [0, 2, 3]
    assert (scores.outputs[SCORE][0] > 1).tolist() == [True, False, True, True, False, False]
    assert scores.outputs[SCORE][0][1] < 0.05


def test_percentile_stays_with_its_history():
    history = RNG.normal(size=2000)
    made = detector("percentile")
    state = made.fit(panel(history))
    later, scores = made.score(state, panel(history[:500] + 9, start=2000))
    np.testing.assert_array_equal(scores.outputs["score"][0], ranks(history, history[:500] + 9))
    np.testing.assert_array_equal(later["sample"], state["sample"])


def test_percentile_takes_what_a_short_history_lacks_from_what_follows():
    values = RNG.normal(size=300).round(1)
    made = detector("percentile", keep=200)
    whole = panel(values)
    state = made.fit(cut(whole, 0, 60))
    assert state["status"].tolist() == [SeriesStatus.LEARNING]
    state, scores = made.score(state, cut(whole, 60))
    said = scores.outputs["score"][0]
    assert np.isnan(said[:40]).all()
    np.testing.assert_array_equal(
        said[40:], [ranks(values[: min(i, 200)], values[i : i + 1])[0] for i in range(100, 300)]
    )
    assert state["status"].tolist() == [SeriesStatus.READY]
    np.testing.assert_array_equal(state["sample"][0], np.sort(values[:200]))


def test_percentile_keeps_of_a_long_history_as_much_as_it_may():
    history = RNG.permutation(10_000).astype(float)
    made = detector("percentile", keep=101)
    state = made.fit(panel(history))
    assert state["held"].tolist() == [101]
    sample = state["sample"][0]
    assert (sample[0], sample[-1]) == (0.0, 9999.0)
    assert set(np.diff(sample)) <= {99.0, 100.0}
    _, scores = made.score(state, panel(history[:200], start=10_000))
    np.testing.assert_allclose(scores.outputs["score"][0], history[:200] / 10_000, atol=0.011)


def test_series_of_different_lengths_are_ranked_each_in_its_own():
    values = np.full((3, 400), np.nan)
    values[0, :] = RNG.normal(size=400)
    values[1, 100:250] = RNG.normal(size=150)
    values[2, 399] = 1.0
    fresh = panel([0.1], [0.2], [0.3], start=400)
    for name in ("percentile1d", "percentile"):
        made = detector(name)
        state = written_down(made.fit(panel(*values)))
        _, scores = made.score(state, fresh)
        window = 300 if name == "percentile1d" else 400
        expected = [ranks(values[0, :window], [0.1])[0], ranks(values[1, 100:250], [0.2])[0], np.nan]
        np.testing.assert_array_equal(scores.outputs["score"][:, 0], expected)
        assert np.isnan(scores.outputs[ANOMALY][2, 0])
