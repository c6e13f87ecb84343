"""What is expected after samples were missing, and how surely."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Floats, Scores, SeriesKey

STEP = 300 * SECOND
DAY = 288
BEGIN = 1_700_006_400 * SECOND // (86_400 * SECOND) * 86_400 * SECOND
SPREAD = 10.0

KINDS = {"one that remembers": (0.99,), "one that goes to and fro": (2 * 0.98 * np.cos(2 * np.pi / 4), -(0.98**2))}
"""Weights of the last samples in the next one, the newest first."""


def made(weights: tuple[float, ...], series: int, samples: int, seed: int = 3) -> Floats:
    values = np.random.default_rng(seed).normal(size=(series, samples))
    for t in range(len(weights), samples):
        values[:, t] += sum(w * values[:, t - 1 - lag] for lag, w in enumerate(weights))
    return np.asarray(SPREAD * values / values.std(axis=1, keepdims=True))


def run(values: Floats, step: int = STEP) -> dict[str, Floats]:
    """What is published of them, where a model expects nothing but their mean."""
    series, samples = values.shape
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(series))
    expected, half = np.zeros(values.shape), np.full(values.shape, 2.5758 * SPREAD)
    outputs = {YHAT: expected, LOWER: expected - half, UPPER: expected + half, SCORE: np.abs(values) / half}
    scores = Scores(keys, BEGIN + step * np.arange(samples, dtype=np.int64), values, outputs)
    judge, before = Judge(Policy(), step), np.full(series, np.nan)
    _, found = judge.judge(judge.blank(keys), scores, before=before, fitted_at=np.ones(series, np.int64))
    return dict(found.scores.outputs)


def inside(out: dict[str, Floats], values: Floats) -> Floats:
    return np.asarray((out[LOWER] <= values) & (values <= out[UPPER]))


def width(out: dict[str, Floats]) -> Floats:
    return np.asarray(out[UPPER] - out[LOWER])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("gap", [1, 4, 12, 72])
def test_after_a_gap_the_band_holds_and_hardly_anything_is_flagged(name: str, gap: int) -> None:
    values = made(KINDS[name], 20, 9 * DAY)
    after = 3 * DAY + np.arange(11) * (DAY // 2 + 7)
    for lag in range(1, gap + 1):
        values[:, after - lag] = np.nan
    out = run(values)
    for lag in range(3):
        assert inside(out, values)[:, after + lag].mean() > 0.92, f"{lag + 1} after it"
        assert (out[ANOMALY][:, after + lag] == 1).mean() < 0.04, f"{lag + 1} after it"


def test_a_rise_while_nothing_arrived_is_flagged() -> None:
    values = np.random.default_rng(4).normal(size=(20, 6 * DAY)) * SPREAD
    values[:, 5 * DAY - 12 : 5 * DAY] = np.nan
    values[:, 5 * DAY :] += 8 * SPREAD
    flags = run(values)[ANOMALY]
    assert not (flags[:, 5 * DAY - DAY : 5 * DAY - 12] == 1).any(axis=1).sum() > 2
    assert (flags[:, 5 * DAY : 5 * DAY + 3] == 1).any(axis=1).all()


def test_the_band_widens_while_samples_are_missing_up_to_what_is_usual_without_any_correction() -> None:
    values = made((0.99,), 20, 8 * DAY)
    values[:, 7 * DAY : 7 * DAY + 200] = np.nan
    out = run(values)
    wide = width(out)[:, 7 * DAY : 7 * DAY + 200]
    # The scale of an hour of the day is its own, so from one to the next it may be a little less.
    assert (wide[:, 1:12] >= 0.8 * wide[:, :11]).all()
    assert np.median(wide[:, 4] / wide[:, 0]) == pytest.approx(np.sqrt(5), rel=0.15)
    assert np.median(wide[:, 199]) < 10 * SPREAD
    # And what was off is forgotten as it fades.
    off, left = np.abs(out[YHAT][:, 7 * DAY]), np.abs(out[YHAT][:, 7 * DAY + 199])
    assert np.median(left) < 0.6 * np.median(off)


def test_where_each_second_sample_is_missing_that_is_no_gap() -> None:
    values = made((0.9,), 20, 14 * DAY)
    dense = run(values[:, ::2], 2 * STEP)
    values[:, 1::2] = np.nan
    sparse = run(values)
    late = slice(-3 * DAY // 2, None)
    ratio = width(sparse)[:, ::2][:, late].mean() / width(dense)[:, late].mean()
    assert ratio == pytest.approx(1, abs=0.1)
    assert inside(sparse, values)[:, ::2][:, late].mean() == pytest.approx(0.99, abs=0.005)


@pytest.mark.parametrize("missing", [0.02, 0.3, 0.7])
def test_where_any_sample_may_be_missing_the_band_holds(missing: float) -> None:
    values = made((0.95,), 20, 14 * DAY)
    values[np.random.default_rng(5).random(values.shape) < missing] = np.nan
    out = run(values)
    there = np.isfinite(values)[:, 7 * DAY :]
    assert inside(out, values)[:, 7 * DAY :][there].mean() == pytest.approx(0.99, abs=0.005)
    assert (out[ANOMALY][:, 7 * DAY :][there] == 1).mean() < 0.004


def test_after_a_gap_one_sample_and_another_gap_the_band_holds() -> None:
    values = made(KINDS["one that goes to and fro"], 20, 14 * DAY)
    at = np.arange(3 * DAY, 14 * DAY - 60, 60)
    for lag in (1, 2, 3, 4, 6, 7, 8, 9):
        values[:, at - lag] = np.nan
    held = inside(run(values), values)
    assert held[:, at - 5].mean() > 0.94
    assert held[:, at].mean() > 0.94


def test_what_follows_from_a_saw_tooth_is_forgotten_in_a_day() -> None:
    """Its last errors foretell that it grows, and so on without an end."""
    rng = np.random.default_rng(6)
    values = 3 * (np.arange(9 * DAY) % 50) / 50 + 0.05 * rng.normal(size=(20, 9 * DAY))
    values[:, 7 * DAY + 30 : 8 * DAY + 30] = np.nan
    out = run(values)
    assert (np.abs(out[YHAT][:, 8 * DAY + 30]) < 3).all()
    assert inside(out, values)[:, 8 * DAY + 30 : 8 * DAY + 33].mean() > 0.94


def test_where_samples_come_two_by_two_that_is_no_gap() -> None:
    values = np.random.default_rng(7).normal(size=(20, 14 * DAY)) * SPREAD
    dense = width(run(values[:, : 3 * DAY]))[:, 2 * DAY :].mean()
    values[:, np.arange(14 * DAY) % 10 >= 2] = np.nan
    out, there = run(values), np.isfinite(values)[0]
    there[: 7 * DAY] = False
    assert width(out)[:, there].mean() / dense == pytest.approx(1, abs=0.07)
    assert inside(out, values)[:, there].mean() == pytest.approx(0.99, abs=0.005)
