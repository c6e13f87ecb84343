"""Welch's t-test of windows against the history: what kapacitord said of its guide's printer, and the edges."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sentio.contracts import Detector
from sentio.detectors.welch import Welch, _two_sided
from sentio.scenario.printer import SENSORS, START, temperatures
from sentio.state import State
from sentio.types import ANOMALY, SCORE, Panel
from tests.contract import detector_checks
from tests.detectors.drive import numbered
from tests.here import Here

GOLDEN = json.loads((Path(__file__).parent.parent / "data/kapacitor_ttest.json").read_text())


def welch(**options) -> Welch:
    return Welch(Welch.Options(**options), Here())


def panel(values, start: int = START, step: int = 1) -> Panel:
    return numbered(values, start, step)


def nothing(like: Panel) -> Panel:
    return Panel(like.keys, like.times[:0], like.values[:, :0])


def said(detector: Detector, values, **more) -> dict[str, np.ndarray]:
    """Of samples of which nothing was known before."""
    whole = panel(values, **more)
    return detector.score(detector.fit(nothing(whole)), whole)[1].outputs


@pytest.fixture(scope="module")
def printer():
    return said(welch(), temperatures(0)[0])


@pytest.mark.parametrize(("row", "sensor"), list(enumerate(SENSORS)))
def test_the_printer_of_the_guide(printer, row, sensor):
    second, t, p = np.array(GOLDEN["windows"][sensor]).T
    at = second.astype(int)
    assert len(at) == 287
    np.testing.assert_allclose(printer["t"][row, at], t, rtol=0, atol=1e-9)
    np.testing.assert_allclose(printer["pvalue"][row, at], p, rtol=1e-9, atol=0)
    # The first window seeds the history, and each verdict stands until the next.
    assert np.isnan(printer["pvalue"][row, : at[0]]).all()
    np.testing.assert_array_equal(printer["t"][row, at[0] : -2], np.repeat(printer["t"][row, at[:-1]], 300))


@pytest.mark.parametrize(("row", "sensor"), list(enumerate(SENSORS)))
def test_its_alerts(printer, row, sensor):
    """kapacitord logs each critical window, and the first that is not."""
    flag = printer[ANOMALY][row, 600::300]
    before = np.concatenate([[0], flag[:-1]])
    seconds = 600 + 300 * np.flatnonzero((flag == 1) | (before == 1))
    logged = [
        (datetime.fromisoformat(time).timestamp(), level) for name, time, level, _ in GOLDEN["alerts"] if name == sensor
    ]
    assert [(START + s, "CRITICAL" if flag[(s - 600) // 300] else "OK") for s in seconds] == logged
    assert {"hotend": 1, "bed": 3, "air": 6}[sensor] == flag.sum()


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 3.7, 17, 99.9, 199.9, 200.1, 650, 3898, 10_000])
def test_the_p_value_to_the_twelfth_digit(freedom):
    with np.errstate(over="ignore"):
        for t in np.concatenate([np.geomspace(1e-3, 60, 150), np.geomspace(60, 1e14, 60), [1e100, 1e200]]):
            expected = 2 * stats.t.sf(t, freedom)
            if expected > 1e-300:
                assert _two_sided(t, freedom) == pytest.approx(expected, rel=1e-12)
                assert _two_sided(-t, freedom) == _two_sided(t, freedom)


def test_the_p_value_at_the_ends():
    assert _two_sided(0.0, 5.0) == 1
    assert _two_sided(1e300, 50.0) == 0
    assert _two_sided(1e300, 1.0) == pytest.approx(2 / np.pi * 1e-300, rel=1e-12)
    assert _two_sided(1e-6, 1.0) == pytest.approx(1 - 2 / np.pi * 1e-6, rel=1e-14)


def test_against_scipy_with_a_history_that_is_full():
    rng = np.random.default_rng(5)
    values = rng.normal(7, 2, 2000)
    values[1000:1100] += 3
    found = said(welch(size=130, window={"period": "50s", "every": "50s"}), values)
    history = values[:50]
    for end in range(100, 2000, 50):
        window = values[end - 50 : end]
        t, p = stats.ttest_ind(history, window, equal_var=False)
        assert found["t"][0, end] == pytest.approx(t, rel=1e-9, abs=1e-9)
        assert found["pvalue"][0, end] == pytest.approx(p, rel=1e-9)
        assert found[ANOMALY][0, end] == (p <= 0.001)
        assert found[SCORE][0, end] == pytest.approx(np.log(p) / np.log(0.001), abs=1e-9)
        if p > 0.001:
            history = np.concatenate([history, window])[-130:]
    assert found[ANOMALY][0, [1050, 1100]].tolist() == [1, 1]


def test_without_any_variance():
    level = np.full(1200, 0.1)
    level[600:900] = 0.2
    found = said(welch(), level)
    assert found["pvalue"][0, [600, 900, 1199]].tolist() == [1, 0, 0]
    assert found["t"][0, 600] == 0
    assert np.isnan(found["t"][0, 900])  # it is infinite
    assert found[SCORE][0, [600, 900]].tolist() == [0, 1e6]


def test_a_constant_is_no_anomaly_however_often_the_history_is_replaced():
    found = said(welch(size=100, window={"period": "30s", "every": "30s"}), np.full((1, 5000), 0.1))
    assert np.nanmax(found[SCORE]) == 0


def test_what_has_become_constant_is_no_anomaly():
    """The sums of a history keep some rounding from the samples that have gone."""
    rng = np.random.default_rng(8)
    values = np.full((300, 700), 0.1)
    values[:, :150] += rng.normal(0, 1e-3, (300, 150))
    found = said(welch(size=100, window={"period": "30s", "every": "30s"}), values)
    assert found[ANOMALY][:, -1].mean() < 0.01


def test_a_window_of_one_value():
    """It has no variance, and t one degree of freedom, as SciPy has it."""
    values = np.full(26, np.nan)
    values[:5] = 1.0, 2.0, 4.0, 3.0, 5.0
    values[[5, 15, 25]] = 7.0, 1e4, 0.0
    found = said(welch(alpha=0.05, window={"period": "5s", "every": "5s"}), values)
    for at, history, value in ((15, values[:5], 7.0), (25, values[:6], 1e4)):
        t, p = stats.ttest_ind_from_stats(
            history.mean(), history.std(ddof=1), len(history), value, 0, 1, equal_var=False
        )
        assert found["t"][0, at] == pytest.approx(t, rel=1e-12)
        assert found["pvalue"][0, at] == pytest.approx(p, rel=1e-12)
    assert found[ANOMALY][0, [15, 25]].tolist() == [0, 1]


def test_a_large_value_that_has_gone_leaves_no_rounding():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, 4000)
    spiked = values.copy()
    spiked[310] = 1e9  # its window has a large variance, and so enters the history
    detector = welch(size=300, window={"period": "100s", "every": "100s"})
    plain, after = said(detector, values), said(detector, spiked)
    assert after["pvalue"][0, 400] > 0.001
    np.testing.assert_allclose(after["t"][0, 1400:], plain["t"][0, 1400:], atol=1e-6)


def test_a_value_whose_square_is_too_large_is_passed_over():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, 2000)
    values[350] = 1e308
    found = said(welch(size=300, window={"period": "100s", "every": "100s"}), values)
    np.testing.assert_array_equal(found["t"][0, 400:500], found["t"][0, 300:400])  # the verdict before stands
    assert np.isfinite(found["pvalue"][0, 200:]).all()
    assert len(np.unique(found["t"][0, 200:])) == 17


def test_a_verdict_is_not_told_of_samples_before_it():
    rng = np.random.default_rng(1)
    detector = welch()
    whole = panel(rng.normal(size=1000))
    state = detector.fit(whole)
    _, again = detector.score(state, whole)
    assert np.isnan(again.outputs["pvalue"][0, :900]).all()
    assert len(np.unique(again.outputs["pvalue"][0, 900:])) == 1
    _, at_once = detector.score(detector.fit(nothing(whole)), whole)
    np.testing.assert_array_equal(again.outputs["t"][0, 900:], at_once.outputs["t"][0, 900:])


def test_series_of_unequal_history_share_a_state():
    """What is kept of a series grows by itself, and in pieces it is the same to the bit."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(3, 3000))
    values[1, :2000], values[2, 100:2500] = np.nan, np.nan
    detector = welch(size=500, window={"period": "60s", "every": "20s"})
    whole = panel(values)
    state = detector.fit(nothing(whole))
    _, at_once = detector.score(state, whole)
    parts = []
    for first in range(0, 3000, 170):
        part = slice(first, first + 170)
        rows = np.array([0, 2, 1] if first % 340 else [1, 0, 2])
        fresh = Panel(whole.keys, whole.times[part], whole.values[:, part]).rows(rows)
        state, scores = detector.score(State.from_arrays(state.to_arrays()), fresh)
        parts.append({name: values[np.argsort(rows)] for name, values in scores.outputs.items()})
    for name, values in at_once.outputs.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts], axis=1), values)


@pytest.mark.parametrize(
    "window", [{}, {"every": "0s", "period": "2h"}, {"align": True, "period": "1d", "every": "1h"}]
)
@pytest.mark.parametrize("check", detector_checks.CHECKS, ids=lambda c: c.__name__)
def test_other_windows_keep_the_contract(check, window):
    check(welch(size=40, window=window))
