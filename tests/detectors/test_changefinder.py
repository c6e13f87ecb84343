"""ChangeFinder beside the program that it is after, the changefinder package, and statsmodels."""

from __future__ import annotations

import csv
import json
import math
import warnings
from pathlib import Path

import changefinder
import numpy as np
import pytest
from pydantic import ValidationError
from statsmodels.regression.linear_model import burg
from statsmodels.tsa.stattools import levinson_durbin

from sentio.detectors import changefinder as ours
from sentio.detectors.changefinder import ChangeFinder
from sentio.orders import by_aic, coefficients
from sentio.state import State
from sentio.types import ANOMALY, SCORE, Panel
from tests.detectors.drive import numbered as panel
from tests.here import Here

DATA = Path(__file__).parent.parent / "data"
with (DATA / "changefinder_scores.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
SAMPLES, OUTLIER, CHANGE = (
    np.array([float(row[name]) for row in ROWS]) for name in ("x", "outlier_logloss", "change_logloss")
)
ORDERS = json.loads((DATA / "changefinder_orders.json").read_text("utf-8"))


def detector(**options) -> ChangeFinder:
    return ChangeFinder(ChangeFinder.Options(**options), Here())


def outputs(values, **options):
    """Of everything, from nothing known on."""
    made, whole = detector(**{"k": 7, **options}), panel(values)
    blank = made.fit(Panel(whole.keys, np.empty(0, np.int64), np.empty((len(whole.keys), 0))))
    return made.score(blank, whole)[1].outputs


def test_every_score_is_the_original_s():
    found = outputs(SAMPLES)
    np.testing.assert_allclose(found["outlier"][0], OUTLIER, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["change"][0], CHANGE, rtol=0, atol=1e-9)
    assert found["outlier"].sum() == pytest.approx(2403.383036, abs=1e-6)
    assert found["change"].sum() == pytest.approx(-881.524538, abs=1e-6)
    np.testing.assert_allclose(found["outlier"][0, [0, 1, -1]], [22.56036512, 1.65074978, -0.58339399], atol=1e-8)
    np.testing.assert_allclose(found["change"][0, [0, 1, -1]], [9.88383041, 10.18417692, -1.26624134], atol=1e-8)


def test_the_changes_are_where_they_were_made():
    """Beside those there is one of the series' own, at 2170; the step at 750 is one that does not stand out."""
    change = outputs(SAMPLES)["change"][0]
    near = [step + int(change[step : step + 30].argmax()) for step in range(500, 2250, 250)]
    assert near == [505, 751, 1006, 1256, 1506, 1756, 2006]
    after = np.flatnonzero(change > 5.5)
    assert {505, 1006, 1256, 1506, 1756, 2006, 2170} <= set(after.tolist())
    assert all(min(abs(i - peak) for peak in (0, 505, 1006, 1256, 1506, 1756, 2006, 2170)) < 10 for i in after.tolist())


@pytest.mark.parametrize(
    ("options", "outlier", "change"),
    [({"loss": "hellinger"}, 100, 20), ({"ar": "burg"}, 22.56369291, 9.88401202)],
)
def test_the_first_score_of_the_other_ways(options, outlier, change):
    found = outputs(SAMPLES[:1], **options)
    assert found["outlier"][0, 0] == pytest.approx(outlier, abs=1e-8)
    assert found["change"][0, 0] == pytest.approx(change, abs=1e-8)


class Corrected(changefinder._SDAR_1Dim):
    """The package's first stage with what its loop leaves out.

    It runs ``for i in range(1, self._order)``, one short: the autocovariance at the lag ``order``, the last that
    Levinson and Durbin's recursion reads, stays zero for ever. Here it is brought up to date as the loop would do it,
    with the new mean, before the package does the rest. Its random beginning is zero, as the original has it.
    """

    def __init__(self, r: float, order: int) -> None:
        super().__init__(r, order)
        self._mu = self._sigma = 0.0

    def update(self, x, term):
        mean = (1 - self._r) * self._mu + self._r * x
        last = (x - mean) * (term[-self._order] - mean)
        self._c[self._order] = (1 - self._r) * self._c[self._order] + self._r * last
        return super().update(x, term)


@pytest.mark.parametrize(
    ("r", "k", "compat"), [(0.02, 7, None), (0.02, 7, "upstream"), (0.1, 2, "upstream"), (0.005, 20, "upstream")]
)
def test_the_first_stage_is_the_package_s_corrected_one(r, k, compat):
    theirs, window, expected = Corrected(r, k), [0.0] * k, []
    for value in SAMPLES[:1000].tolist():
        expected.append(theirs.update(value, window))
        window = [*window[1:], value]
    np.testing.assert_allclose(
        outputs(SAMPLES[:1000], r=r, k=k, compat=compat)["outlier"][0], expected, rtol=0, atol=1e-12
    )


def test_an_autoregression_that_is_not_stationary_foresees_worse():
    """Why the recursion ends at a reflection coefficient of 1: with 20 of them it comes to that on plain noise."""
    noise = np.random.default_rng(0).normal(size=(20, 1500))
    kept, gone_on = (outputs(noise, k=20, compat=compat)["outlier"][:, 100:].mean() for compat in (None, "upstream"))
    assert kept < gone_on - 0.3


@pytest.mark.parametrize("k", [1, 2, 7, 20])
def test_levinson_and_durbin_as_statsmodels_has_it(k):
    x = SAMPLES[:240] - SAMPLES[:240].mean()
    c = np.array([x[lag:] @ x[: len(x) - lag] for lag in range(k + 1)])
    expected = levinson_durbin(c, k, isacov=True)[1]
    found = np.empty(k)
    ours._levinson(c, k, False, found)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(coefficients(c[:, None])[:, 0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 7, 12])
def test_burg_as_statsmodels_has_it(k):
    x, work = SAMPLES[300 : 301 + k], np.empty((3, k + 1))
    expected = burg(x, k, demean=False)[0]
    ours._burg(x[0], x[1:], k, False, work)
    np.testing.assert_allclose(work[0, :k], expected, rtol=1e-9)
    ours._burg(x[0], x[1:], k, True, work)
    np.testing.assert_allclose(work[0, :k], -expected, rtol=1e-9)


def test_a_reflection_of_one_and_more_keeps_the_lower_order():
    c, found = np.array([2.0, 1.0, -1.7, 0.3]), np.empty(3)
    ours._levinson(c, 3, False, found)  # the second reflection coefficient is (-1.7 - 0.5) / 1.5
    np.testing.assert_array_equal(found, [0.5, 0.0, 0.0])
    ours._levinson(c, 3, True, found)
    assert abs(found[1]) > 1


@pytest.mark.parametrize("count", [200, 600, 1000, 2503])
def test_the_order_is_the_original_s(count):
    order, criterion = by_aic(SAMPLES[None, :count], 50)
    assert order[0] == ORDERS[str(count)][0]
    assert criterion[0] == pytest.approx(ORDERS[str(count)][1], abs=1e-6)


def test_the_orders_of_many_are_those_of_each():
    few, gaps, constant, none = SAMPLES[:300].copy(), SAMPLES[:300].copy(), np.full(300, 7.0), np.full(300, np.nan)
    few[5:], gaps[100:150] = np.nan, np.nan
    orders, criteria = by_aic(np.stack([SAMPLES[:300] + 1e6, few, gaps, constant, none]), 20)
    alone = [by_aic(x[None], 20) for x in (SAMPLES[:300], SAMPLES[:5], np.delete(SAMPLES[:300], range(100, 150)))]
    assert orders[:3].tolist() == [int(order[0]) for order, _ in alone]
    np.testing.assert_allclose(criteria[1:3], [criterion[0] for _, criterion in alone[1:]], rtol=1e-9)
    assert orders[3] == 1
    assert criteria[4] == np.inf


def test_each_series_has_its_own_order():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(2, 600))
    far = noise[1].copy()
    for t in range(12, 600):
        far[t] += 0.9 * far[t - 12]
    made, history = detector(), panel([noise[0], far, np.r_[far[:50], np.full(550, np.nan)]])
    state = made.fit(history)
    assert state["order"][1] >= 12
    assert state["order"][2] == 7
    fresh = panel(rng.normal(size=(3, 40)), 601)
    for i, order in enumerate(state["order"].tolist()):
        alone = detector(k=order)
        _, found = alone.score(alone.fit(history.rows(slice(i, i + 1))), fresh.rows(slice(i, i + 1)))
        _, among = made.score(state, fresh)
        np.testing.assert_array_equal(among.outputs["outlier"][i], found.outputs["outlier"][0])


def test_a_gap_is_passed_over():
    gaps = np.full((1, 1000), np.nan)
    gaps[0, ::2] = SAMPLES[:500]
    np.testing.assert_array_equal(outputs(gaps)["change"][0, ::2], outputs(SAMPLES[:500])["change"][0])


def test_there_is_a_verdict_once_both_stages_have_settled():
    found = outputs(SAMPLES)
    assert np.isnan(found[SCORE][0, :100]).all()
    assert np.isfinite(found[SCORE][0, 100:]).all()
    np.testing.assert_allclose(found[SCORE][0, 100:], np.maximum(CHANGE[100:] / 5, 0), atol=1e-9)
    flagged = np.flatnonzero(found[ANOMALY][0] == 1)
    for step in (250, 500, 1000, 1250, 1500, 1750, 2000):
        assert ((flagged >= step) & (flagged < step + 20)).any()


def test_noise_is_no_change():
    found = outputs(np.random.default_rng(5).normal(size=(50, 2016)))
    assert np.nanmean(found[ANOMALY]) < 1e-4


@pytest.mark.parametrize("loss", ["logloss", "hellinger"])
@pytest.mark.parametrize("ar", ["yule", "burg"])
@pytest.mark.parametrize("compat", [None, "upstream"])
def test_whatever_comes_the_scores_are_numbers(loss, ar, compat):
    values = np.random.default_rng(7).normal(size=(7, 400))
    values[0], values[1] = 0.0, 42.0
    values[2, ::7] = 1e308
    values[3], values[4] = 1e-300, 1e120 * values[4]
    values[5, 200:] = 1e100
    values[6] = np.where(np.arange(400) % 2, 3.0, -3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = outputs(values, loss=loss, ar=ar, compat=compat)
    sound = np.abs(values) < 1e200
    for name in ("outlier", "change"):
        np.testing.assert_array_equal(np.isfinite(found[name]), sound)


def test_a_series_that_stands_still_settles_and_its_first_step_is_a_change():
    values = np.full(40_000, 42.0)
    values[-5:] = 43.0
    found = outputs(values)
    # The mean is kept to some 50 units in the last place, for it moves by a fiftieth of what it is off.
    finest = 2 * 50 * np.finfo(float).eps * 42
    assert found["outlier"][0, -6] == pytest.approx(0.5 * math.log(2 * math.pi) + math.log(finest))
    assert found["outlier"][0, -5] > 20
    assert found["change"][0, -6] < -3
    assert found[ANOMALY][0, -6:].tolist() == [0, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("options", [{}, {"k": 1}, {"k": 20}, {"r": 0.1}, {"loss": "hellinger"}])
def test_a_series_that_stands_still_is_never_a_change(options):
    levels = [1.0, 5.0, 37.25, -3.3, 0.1, 1e-9, 12345678.9, 1e9]
    found = outputs(np.repeat([levels], 25_000, axis=0).T, **options)
    # All of them came to the end of what numbers can tell at about the same sample, and were flagged together.
    assert not (found[ANOMALY] == 1).any()


def test_an_extreme_is_no_zero_where_the_density_is():
    values = np.random.default_rng(1).normal(size=500)
    values[400] = 1e3
    with_density = outputs(values, r=1e-4, compat="upstream")["outlier"][0]
    assert with_density[400] == 0
    found = outputs(values, r=1e-4)["outlier"][0]
    assert found[400] > 1000
    usual = with_density != 0
    np.testing.assert_allclose(found[1:400][usual[1:400]], with_density[1:400][usual[1:400]], rtol=1e-9)


def test_a_model_that_does_not_move_is_at_no_distance_from_itself():
    still = np.zeros(20)
    assert (outputs(still, loss="hellinger")["outlier"] == 0).all()
    assert (outputs(still, loss="hellinger", compat="upstream")["outlier"] == 100).all()


@pytest.mark.parametrize(
    "options", [{"k": 0}, {"k": 51}, {"k": "aic"}, {"r": 1}, {"T1": 0}, {"loss": "log"}, {"t1": 5}]
)
def test_what_is_no_option_is_refused(options):
    with pytest.raises(ValidationError):
        ChangeFinder.Options(**options)


def test_a_tiny_threshold_has_a_score_all_the_same():
    found = outputs(SAMPLES, threshold=1e-300)
    assert found[SCORE][0, 505] == 1e6
    np.testing.assert_array_equal(np.isfinite(found[SCORE]), np.isfinite(found[ANOMALY]))


def test_states_of_different_orders_stand_together():
    rng = np.random.default_rng(9)
    made, history, fresh = detector(), panel(rng.normal(size=(4, 300))), panel(rng.normal(size=(4, 30)), 301)
    history.values[0, 1:] += 0.9 * history.values[0, :-1]
    history.values[3, 20:] += 3 * history.values[3, :-20]
    history.values[2, 50:] = np.nan
    parts = [made.fit(history.rows(slice(i, i + 1))) for i in range(4)]
    assert len({part["cov1"].shape[1] for part in parts}) > 1
    together = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3])
    _, found = made.score(together, fresh)
    _, expected = made.score(made.fit(history), fresh)
    for name in expected.outputs:
        np.testing.assert_array_equal(found.outputs[name], expected.outputs[name])


@pytest.mark.parametrize("options", [{"loss": "hellinger"}, {"ar": "burg", "k": 3}, {"compat": "upstream", "T1": 1}])
def test_any_cut_gives_the_same_bits(options):
    made, whole = detector(**options), panel([SAMPLES[:600], SAMPLES[600:1200]])
    state = made.fit(Panel(whole.keys, whole.times[:250], whole.values[:, :250]))
    _, at_once = made.score(state, Panel(whole.keys, whole.times[250:], whole.values[:, 250:]))
    parts = []
    for first, end in ((250, 251), (251, 400), (400, 600)):
        part = Panel(whole.keys, whole.times[first:end], whole.values[:, first:end])
        state, scores = made.score(State.from_arrays(state.to_arrays()), part)
        parts.append(scores.outputs["change"])
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), at_once.outputs["change"])
