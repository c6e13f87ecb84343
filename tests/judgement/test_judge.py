"""The judge: what it publishes of a detector's scores, and what it remembers."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from sentio.judgement.judge import COVERAGE, FALLBACK, KIND, SKILL, Judge, Judged
from sentio.judgement.kinds import Kind
from sentio.judgement.policy import Policy
from sentio.state import State
from sentio.types import ANOMALY, LOWER, PVALUE, SCORE, SECOND, UPPER, YHAT, Floats, Forecast, Scores, SeriesKey
from tests.same import assert_same_arrays

STEP = 300 * SECOND
DAY = 288
BEGIN = 1_700_006_400 * SECOND // (86_400 * SECOND) * 86_400 * SECOND
NOISE, MEAN, SWING = 4.0, 100.0, 30.0


def shape(first: int, samples: int) -> Floats:
    return MEAN + SWING * np.sin(2 * np.pi * (first + np.arange(samples)) / DAY)


def noisy(samples: int, seed: int, series: int = 1, first: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    return shape(first, samples) + NOISE * rng.normal(size=(series, samples))


def said(values: Floats, first: int = 0, yhat: Floats | None = None) -> Scores:
    """What a detector says that knows the shape and the noise."""
    series, samples = values.shape
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(series))
    expected = np.broadcast_to(shape(first, samples) if yhat is None else yhat, values.shape).copy()
    half = np.full(values.shape, 2.5758 * NOISE)
    score = np.abs(values - expected) / half
    outputs = {YHAT: expected, LOWER: expected - half, UPPER: expected + half, SCORE: score, ANOMALY: (score > 1) * 1.0}
    return Scores(keys, BEGIN + STEP * (first + np.arange(samples, dtype=np.int64)), values, outputs)


def judged(judge: Judge, scores: Scores, state: State | None = None, **more: object) -> tuple[State, Judged]:
    series = len(scores.keys)
    state = judge.blank(scores.keys) if state is None else state
    arguments = {"before": np.full(series, np.nan), "fitted_at": np.ones(series, np.int64), **more}
    return judge.judge(state, scores, **arguments)  # type: ignore[arg-type] # as given


def run(values: Floats, policy: Policy | None = None, **more: object) -> dict[str, Floats]:
    _, found = judged(Judge(policy or Policy(), STEP), said(values), **more)
    return dict(found.scores.outputs)


def flags(values: Floats, policy: Policy | None = None) -> Floats:
    return np.asarray(run(values, policy)[ANOMALY] == 1)


INCIDENTS = {
    "a step of +40 %": (lambda part: 1.4 * part, Kind.LEVEL_SHIFT),
    "a drop to zero": (lambda part: 0 * part, Kind.DROP_TO_ZERO),
    "a vanished series": (lambda part: np.full_like(part, np.nan), Kind.MISSING),
    "a flatline": (lambda part: np.repeat(part[:, :1], part.shape[1], axis=1), Kind.FLATLINE),
}


@pytest.mark.parametrize("name", INCIDENTS)
def test_what_anybody_would_see_is_flagged_within_five_samples_with_its_type_and_again_a_day_and_a_week_later(name):
    change, kind = INCIDENTS[name]
    values = noisy(20 * DAY, 1, series=12)
    for day in (10, 11, 18):
        part = slice(day * DAY, day * DAY + DAY // 4)
        values[:, part] = change(values[:, part])
    outputs = run(values)
    for day in (10, 11, 18):
        part = slice(day * DAY, day * DAY + 5)
        assert (outputs[ANOMALY][:, part] == 1).any(axis=1).all(), day
        named = outputs[KIND][:, day * DAY + 4]
        assert (named == kind).mean() >= 0.9, (day, named)


def test_ten_clean_days_have_hardly_a_flag():
    found = flags(noisy(17 * DAY, 2, series=30))[:, 7 * DAY :]
    episodes = (np.diff(found.astype(int), axis=1) == 1).sum()
    assert episodes < 2 * 30 * 10 / 7  # twice a week's one of thirty series in ten days
    assert found.mean() < 0.002


@pytest.mark.parametrize(("asked", "least", "most"), [(1 / 7, 0.5 / 7, 2 / 7), (1.0, 0.5, 2.0), (3.0, 1.5, 6.0)])
def test_as_many_are_flagged_as_are_asked_for(asked, least, most):
    found = flags(noisy(28 * DAY, 3, series=20), Policy(false_alarms=asked))[:, 7 * DAY :]
    apart = np.zeros(found.shape, bool)
    for row, out in zip(found, apart, strict=True):
        at = np.flatnonzero(row)
        out[at[np.diff(at, prepend=-100) > 12]] = True
    rate = apart.sum() / (20 * 21)
    assert least <= rate <= most


def test_what_is_as_expected_scores_near_0_and_what_is_nearly_flagged_near_1():
    score = run(noisy(14 * DAY, 3, series=4))[SCORE][:, 3 * DAY :]
    assert np.median(score) < 0.3
    assert np.quantile(score, 0.99) > 0.5
    assert not ((score > 1) & (score < 1 + 1e-9)).any()


def ordinary(name: str, series: int, samples: int) -> Floats:
    """Noise of size 1 and of mean 0 ``[series, samples]``."""
    rng = np.random.default_rng(21)
    noise = rng.normal(size=(series, samples))
    if name == "lognormal":
        return np.asarray((np.exp(noise) - np.exp(0.5)) / 2.16)
    if name == "t3":
        return rng.standard_t(3, size=noise.shape) / np.sqrt(3)
    if name == "with memory":
        for i in range(1, samples):
            noise[:, i] = 0.95 * noise[:, i - 1] + np.sqrt(1 - 0.95**2) * noise[:, i]
    return noise


@pytest.mark.parametrize("daily", [True, False])
@pytest.mark.parametrize("name", ["gaussian", "with memory", "lognormal", "t3"])
def test_the_pvalue_is_the_share_of_samples_that_are_as_strange(name, daily):
    expected = shape(0, 28 * DAY) if daily else np.full(28 * DAY, MEAN)
    values = expected + NOISE * ordinary(name, 16, 28 * DAY)
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=expected))
    pvalue = found.scores.outputs[PVALUE][:, 7 * DAY :]
    assert 0.8 < (pvalue < 0.1).mean() / 0.1 < 1.25
    for alpha in (0.02, 0.01, 0.001):
        assert 0.45 < (pvalue < alpha).mean() / alpha < 2, alpha


@pytest.mark.parametrize("unit", [1e-18, 1e-9, 1e9, 1e15])
def test_it_does_not_matter_what_unit_the_values_have(unit):
    values = noisy(12 * DAY, 22, series=4)
    values[:, 10 * DAY : 10 * DAY + 5] += 15 * NOISE
    scores = said(values)
    in_unit = {name: scores.outputs[name] * unit for name in (YHAT, LOWER, UPPER)}
    other = replace(scores, values=values * unit, outputs=scores.outputs | in_unit)
    (_, one), (_, two) = (judged(Judge(Policy(), STEP), s) for s in (scores, other))
    found, expected = two.scores.outputs, one.scores.outputs
    assert (expected[ANOMALY][:, 10 * DAY : 10 * DAY + 5] == 1).any(axis=1).all()
    np.testing.assert_array_equal(found[ANOMALY], expected[ANOMALY])
    np.testing.assert_allclose(found[SCORE], expected[SCORE], rtol=1e-3)


def test_the_pvalue_is_the_same_after_an_incident():
    values = noisy(21 * DAY, 22, series=16)
    values[:, 13 * DAY : 13 * DAY + DAY // 2] += 15 * NOISE
    pvalue = run(values)[PVALUE][:, 14 * DAY :]
    for alpha in (0.02, 0.01):
        assert 0.5 < (pvalue < alpha).mean() / alpha < 2, alpha


AFTER = {
    "a surge": (3, lambda part: part + 20 * NOISE),
    "six hours at one value": (72, lambda part: np.repeat(part[:, :1], part.shape[1], axis=1)),
}


@pytest.mark.parametrize("name", AFTER)
def test_what_is_as_expected_right_after_an_anomaly_is_none(name):
    lasts, change = AFTER[name]
    values = noisy(10 * DAY + lasts + 12, 6, series=40)
    part = slice(10 * DAY, 10 * DAY + lasts)
    values[:, part] = change(values[:, part])
    found = flags(values)[:, 10 * DAY :]
    assert found[:, lasts - 1].all()
    assert found[:, lasts:].any(axis=1).mean() <= 0.05


def test_what_stands_still_where_it_was_expected_is_not_strange_for_its_size():
    values = noisy(10 * DAY + 8, 6, series=40)
    values[:, 10 * DAY :] = shape(10 * DAY, 1)
    out = run(values)
    assert (out[ANOMALY][:, -1] == 1).all(), "it is told of"
    assert np.median(out[PVALUE][:, -1]) > 0.1


def test_a_quiet_series_is_owed_flags_that_rank_below_what_is_strange_on_any():
    values = noisy(28 * DAY, 4, series=20)
    values[:, 20 * DAY] += 30 * NOISE
    score = run(values)[SCORE]
    due = score[:, 14 * DAY : 20 * DAY]
    assert (due > 1).sum() > 3
    assert due.max() < score[:, 20 * DAY].min()


def test_a_spike_each_hour_is_not_flagged_each_hour():
    values = noisy(14 * DAY, 5, series=4)
    values[:, 10 * DAY :: 12] += 5 * NOISE
    flagged = flags(values)[:, 10 * DAY :]
    assert flagged[:, :DAY].any()
    assert flagged[:, 3 * DAY :].sum() < flagged[:, :DAY].sum()


def nightly(days: int, length: int, seed: int) -> Floats:
    """Values that hardly move, but for some ``length`` samples each day, a little later or earlier."""
    rng = np.random.default_rng(seed)
    values = 10 + NOISE * rng.normal(size=(8, days * DAY))
    for day in range(days):
        for row in values:
            begin = day * DAY + 30 + rng.integers(3)
            row[begin : begin + length] += 20 * NOISE
    return values


def days_with_a_flag(values: Floats) -> Floats:
    """``[S, days]`` of a detector that does not know of the day."""
    out = judged(Judge(Policy(), STEP), said(values, yhat=np.full(values.shape[1], 10.0)))[1].scores.outputs
    return np.asarray((out[ANOMALY] == 1).reshape(len(values), -1, DAY).any(axis=2))


def test_what_comes_for_an_hour_each_night_is_not_flagged_each_night_and_what_is_new_is():
    values = nightly(21, 12, 31)
    values[:, 18 * DAY + 200] += 20 * NOISE
    flagged = days_with_a_flag(values)
    assert flagged[:, 1:3].mean() > 0.9
    assert flagged[:, 7:18].mean() < 2 / 7
    assert flagged[:, 18].all()


@pytest.mark.parametrize("at", [15, 36, 50])
def test_what_is_far_larger_than_what_comes_at_this_hour_each_day_is_flagged(at):
    values = nightly(16, 12, 31)
    values[:4, 14 * DAY + at : 14 * DAY + at + 6] += 300 * NOISE
    values[4:, 14 * DAY + at : 14 * DAY + at + 6] -= 1e6 * NOISE
    outputs = judged(Judge(Policy(), STEP), said(values, yhat=np.full(16 * DAY, 10.0)))[1].scores.outputs
    assert (outputs[SCORE][:, 14 * DAY + at] > 1.5).all()


def test_a_collapse_on_the_day_after_a_shift_is_found():
    values = 20 + 0.5 * np.random.default_rng(37).normal(size=(6, 13 * DAY))
    values[:, 10 * DAY :] += 80
    fall = 11 * DAY + 90
    values[:, fall : fall + 36] -= np.array([20, 40, 60, 20, 40, 60])[:, None]
    outputs = judged(Judge(Policy(), STEP), said(values, yhat=np.full(13 * DAY, 20.0)))[1].scores.outputs
    assert (outputs[ANOMALY][:, fall] == 1).all()


def test_what_has_not_come_for_some_days_is_no_habit_any_more():
    values = nightly(24, 12, 32)
    values[:, 14 * DAY : 22 * DAY] = 10 + NOISE * np.random.default_rng(33).normal(size=(8, 8 * DAY))
    assert days_with_a_flag(values)[:, 22].all()


def test_what_is_short_is_no_habit_and_neither_is_what_comes_at_another_hour_each_day():
    values = noisy(21 * DAY, 34, series=4)
    for day in range(2, 21):
        values[:, day * DAY + 30 : day * DAY + 32] += 25 * NOISE
    assert flags(values).reshape(4, -1, DAY).any(axis=2)[:, 7:].all()
    values = noisy(21 * DAY, 35, series=4)
    for day in range(2, 21):
        begin = day * DAY + 60 * (day % 4)
        values[:, begin : begin + 12] += 25 * NOISE
    assert flags(values).reshape(4, -1, DAY).any(axis=2)[:, 7:].all()


def test_a_series_that_never_moved_is_missed_all_the_same():
    values = np.full((1, 12 * DAY), MEAN)
    values[0, 10 * DAY : 10 * DAY + 20] = np.nan
    out = judged(Judge(Policy(), STEP), said(values, yhat=np.full(12 * DAY, MEAN)))[1].scores.outputs
    assert (out[ANOMALY][0, 10 * DAY + 4 : 10 * DAY + 20] == 1).all()
    assert out[KIND][0, 10 * DAY + 4] == Kind.MISSING
    assert not (out[ANOMALY][0, 10 * DAY + 20 :] == 1).any()


def test_runs_that_are_a_little_too_long_again_and_again_are_not_flagged_each_time_and_hide_nothing_else():
    values = noisy(16 * DAY, 20, series=12)
    often = [10 * DAY + 60 * i for i in range(5)]
    for at in often:
        values[:, at : at + 6] = values[:, at : at + 1]
    long, spike = 14 * DAY, 15 * DAY
    values[:, long : long + 60] = values[:, long : long + 1]
    values[:, spike] += 15 * NOISE
    flagged = flags(values)
    told = np.array([flagged[:, at : at + 6].any(axis=1) for at in often])
    assert told[:2].all()
    assert told[2:].mean() < 0.1
    assert flagged[:, long : long + 60].any(axis=1).all()
    assert flagged[:, spike].all()


def test_what_had_stood_still_and_moves_from_now_on_is_taken_as_it_is():
    values = np.zeros((1, 4 * DAY))
    values[:, 2 * DAY :] = 1000 + 100 * np.random.default_rng(6).normal(size=2 * DAY)
    scores = said(values, yhat=np.zeros(4 * DAY))
    tight = dict(scores.outputs) | {LOWER: np.full(values.shape, -1e-6), UPPER: np.full(values.shape, 1e-6)}
    _, found = judged(Judge(Policy(), STEP), replace(scores, outputs=tight))
    out = found.scores.outputs
    assert (out[ANOMALY][0, 2 * DAY : 2 * DAY + 5] == 1).all()
    later = slice(2 * DAY + 100, None)
    inside = (values >= out[LOWER]) & (values <= out[UPPER])
    assert np.mean(out[ANOMALY][0, later] == 1) < 0.02
    assert inside[0, later].mean() > 0.95


@pytest.mark.parametrize(
    "noise",
    [
        lambda rng, n: rng.normal(size=n),
        lambda rng, n: np.exp(0.6 * rng.normal(size=n)),
        lambda rng, n: np.where(rng.random(n) < 0.05, rng.exponential(10, n), 0.0),
        lambda rng, n: rng.standard_t(3, size=n),
    ],
    ids=["normal", "lognormal", "mostly zero", "heavy tails"],
)
def test_a_99_percent_band_holds_99_percent(noise):
    rng = np.random.default_rng(4)
    values = MEAN + np.array([noise(rng, 28 * DAY) for _ in range(5)])
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=np.full(28 * DAY, MEAN + values.mean() - MEAN)))
    out = found.scores.outputs
    inside = ((values >= out[LOWER]) & (values <= out[UPPER]))[:, 7 * DAY :]
    assert 0.985 <= inside.mean() <= 0.995
    assert np.nanmean(out[COVERAGE][:, -1]) == pytest.approx(inside[:, -DAY:].mean(), abs=0.02)


def test_the_near_term_correction_follows_errors_that_last():
    rng = np.random.default_rng(5)
    error = np.zeros(14 * DAY)
    for i in range(1, len(error)):
        error[i] = 0.95 * error[i - 1] + rng.normal()
    values = (shape(0, len(error)) + 3 * error)[None]
    out = run(values)
    late = slice(7 * DAY, None)
    raw, corrected = (values - shape(0, len(error)))[:, late], (values - out[YHAT])[:, late]
    assert corrected.std() < 0.5 * raw.std()
    assert corrected.std() < 1.1 * 3  # the innovations' own


def test_an_incident_does_not_become_what_is_expected_until_it_has_lasted():
    values = noisy(16 * DAY, 6)
    values[0, 10 * DAY :] += 80
    out = run(values, Policy(accept_after=86_400 * SECOND))
    assert (out[ANOMALY][0, 10 * DAY : 10 * DAY + DAY // 2] == 1).mean() > 0.9
    assert (out[ANOMALY][0, 12 * DAY :] == 1).mean() < 0.02
    np.testing.assert_allclose(out[YHAT][0, 13 * DAY :], shape(13 * DAY, 3 * DAY) + 80, atol=5 * NOISE)


def rolled_back(there: int, known: int) -> Floats:
    """Up by 80 after ``known`` days, for ``there`` days, and back for two."""
    values = noisy((known + there + 2) * DAY, 6, series=4)
    values[:, known * DAY : (known + there) * DAY] += 80
    return values


def test_what_is_back_where_it_was_for_longer_is_flagged_for_an_hour():
    """A roll-back after two days, by when the shift was the new normal."""
    flagged, back, hour = flags(rolled_back(there=2, known=10)), 12 * DAY, DAY // 24
    assert flagged[:, back : back + 5].any(axis=1).all()
    assert flagged[:, back : back + hour].mean() > 0.9
    assert flagged[:, back + hour + 1 :].mean() < 0.01


def test_a_shift_of_a_young_series_lasts_as_long_as_what_was_known_before_it():
    """Six hours are known."""
    known = DAY // 4
    values = noisy(4 * known, 6, series=6)
    values[:, known:] += 80
    flagged = flags(values)
    assert flagged[:, known : 2 * known - 5].mean() > 0.9
    assert flagged[:, 2 * known + 1 :].mean() < 0.01


def test_what_is_back_where_it_was_for_less_long_is_a_shift_as_any_other():
    flagged = flags(rolled_back(there=6, known=3))
    assert flagged[:, 9 * DAY : 9 * DAY + 20 * DAY // 24].mean() > 0.9


def test_what_fails_again_is_not_normal_within_an_hour():
    """Two days up, two days back, and up again."""
    values = noisy(17 * DAY, 7, series=4)
    for first in (10, 14):
        values[:, first * DAY : (first + 2) * DAY] += 80
    flagged = flags(values)
    assert flagged[:, 14 * DAY : 14 * DAY + 20 * DAY // 24].mean() > 0.9


def test_another_model_does_not_change_where_a_series_was():
    """It is fitted while the series is up, and expects that of it."""
    values = rolled_back(there=3, known=10)
    judge, cut = Judge(Policy(), STEP), 12 * DAY
    state, _ = judged(judge, said(values[:, :cut]))
    later = values[:, cut:]
    expects_more = said(later, cut, shape(cut, later.shape[1]) + 80)
    before = np.full(len(values), shape(cut - 1, 1)[0] + 80)
    _, found = judged(judge, expects_more, state, before=before, fitted_at=np.full(len(values), 2))
    flagged = found.scores.outputs[ANOMALY] == 1
    assert flagged[:, DAY : DAY + DAY // 24].mean() > 0.9
    assert flagged[:, DAY + DAY // 24 + 1 :].mean() < 0.01


@pytest.mark.parametrize(("drift", "least", "most"), [(2.0, 0.6, 1.4), (8.0, 1.6, 3.0), (0.0, -0.4, 0.4)])
def test_what_is_normal_goes_half_the_way_to_a_model_that_knows_of_a_drift_and_half_a_deviation_at_most(
    drift, least, most
):
    """The new model expects 8 more, or the ``drift`` of the last two hours where there is one."""
    cut = 12 * DAY
    values = noisy(cut, 7, series=200)
    values[:, cut - 24 :] += drift
    judge, more = Judge(Policy(), STEP), drift or 8.0
    state, _ = judged(judge, said(values))
    known = state["track"]["level"].copy()
    calm = state["track"]["quiet"] > 0
    before = np.full(len(values), shape(cut - 1, 1)[0] + more)
    nothing = said(np.full((len(values), 1), np.nan), cut, shape(cut, 1) + more)
    state, _ = judged(judge, nothing, state, before=before, fitted_at=np.full(len(values), 2))
    moved = state["track"]["level"] + more - known
    assert least <= np.median(moved[calm]) <= most
    assert np.abs(moved[~calm]).max(initial=0) < 1e-9


def test_nothing_is_the_new_normal_before_it_can_be_seen():
    """A day, the default, is one sample of a daily series."""
    values = noisy(12 * DAY, 21, series=6)
    values[:, 10 * DAY : 10 * DAY + 10] = values[:, 10 * DAY : 10 * DAY + 1]
    values[:, 11 * DAY : 11 * DAY + 10] += 80
    flagged = flags(values, Policy(accept_after=STEP))
    assert flagged[:, 10 * DAY : 10 * DAY + 8].any(axis=1).all()
    assert flagged[:, 11 * DAY : 11 * DAY + 8].mean() > 0.9


def test_the_band_is_no_wider_for_an_incident():
    values = noisy(12 * DAY, 7)
    values[0, 10 * DAY : 10 * DAY + 40] += 100
    out = run(values)
    width = (out[UPPER] - out[LOWER])[0]
    assert width[10 * DAY + 60] < 2.5 * np.median(width[9 * DAY : 10 * DAY])


def test_what_stands_still_where_it_was_says_nothing_of_what_is_usual():
    begin, end = 10 * DAY, 10 * DAY + 240
    values = MEAN + NOISE * np.random.default_rng(21).normal(size=(30, 12 * DAY))
    values[:, begin:end] = MEAN
    out = judged(Judge(Policy(), STEP), said(values, yhat=np.full(12 * DAY, MEAN)))[1].scores.outputs
    flagged, width = out[ANOMALY] == 1, (out[UPPER] - out[LOWER]).mean(axis=0)
    assert flagged[:, begin + 12 : end].all()
    assert width[end : end + 12].mean() == pytest.approx(width[begin - 12 : begin].mean(), rel=0.05)
    later = flagged[:, end + 12 : end + DAY].astype(int)
    assert (np.diff(later, axis=1) == 1).sum() < 2 * 30 / 7  # twice what is asked for


@pytest.mark.parametrize(("level", "hours"), [(0.0, 6), (2 * MEAN, 10)])
def test_a_young_series_that_stood_still_far_off_is_judged_once_it_moves_again(level, hours):
    hour = DAY // 24
    values = MEAN + NOISE * np.random.default_rng(23).normal(size=(12, 3 * DAY))
    end = (3 + hours) * hour
    values[:, 3 * hour : end] = level
    drops = [slice(at, at + 5) for at in (end + hour, end + 3 * hour, 2 * DAY)]
    for drop in drops:
        values[:, drop] = MEAN - 15 * NOISE
    out = judged(Judge(Policy(), STEP), said(values, yhat=np.full(3 * DAY, MEAN)))[1].scores.outputs
    for drop in drops:
        assert (out[ANOMALY][:, drop] == 1).any(axis=1).all()


def test_a_range_that_all_values_violate_flags_all_and_spoils_no_band():
    values = noisy(9 * DAY, 24, series=4)
    out = run(values, Policy(data_range=(0.0, 1.0)))
    assert (out[ANOMALY][:, DAY:] == 1).all()
    inside = (values >= out[LOWER]) & (values <= out[UPPER])
    assert inside[:, 2 * DAY :].mean() == pytest.approx(0.99, abs=0.005)
    assert np.isfinite(out[PVALUE][:, DAY:]).all()


def test_what_could_not_be_read_ends_no_episode_of_a_series_that_is_missing():
    values = noisy(10 * DAY, 25, series=4)
    values[:, 9 * DAY :] = np.nan
    values[:, 8 * DAY + DAY // 2 : 8 * DAY + DAY // 2 + 12] = np.nan  # so that the budget is spent with the next one
    judge, state = Judge(Policy(), STEP), None
    for begin, end, whole in ((0, 24, True), (24, 48, False), (48, 56, True)):
        part = slice(9 * DAY + begin if begin else 0, 9 * DAY + end)
        state, found = judged(judge, said(values[:, part], part.start), state, whole=whole)
    assert (found.scores.outputs[ANOMALY][:, 2:] == 1).all()


@pytest.mark.parametrize(("direction", "up", "down"), [("above", True, False), ("below", False, True)])
def test_only_the_side_that_is_asked_for(direction, up, down):
    values = noisy(12 * DAY, 8)
    values[0, 10 * DAY : 10 * DAY + 3] += 60
    values[0, 11 * DAY : 11 * DAY + 3] -= 60
    found = flags(values, Policy(above=direction == "above", below=direction == "below"))[0]
    assert found[10 * DAY : 10 * DAY + 3].any() == up
    assert found[11 * DAY : 11 * DAY + 3].any() == down


def test_what_goes_on_below_is_not_held_by_a_spike_above_where_only_that_is_asked_for():
    values = noisy(12 * DAY, 8)
    values[0, 10 * DAY : 10 * DAY + 60] -= 60
    values[0, 10 * DAY + 30] += 160
    found = flags(values, Policy(below=False))[0, 10 * DAY : 10 * DAY + 60]
    assert np.flatnonzero(found).tolist() == [30]


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (Policy(), True),
        (Policy(above=False), True),
        (Policy(below=False), False),
        (Policy(min_deviation=50), True),
        (Policy(min_deviation=200), False),
        (Policy(min_percent=200), False),
    ],
)
def test_zero_is_told_of_on_the_side_and_from_the_size_that_is_asked_for(policy, wanted):
    values = noisy(12 * DAY, 8)
    values[0, 10 * DAY : 10 * DAY + 20] = 0
    out = run(values, policy)
    part = slice(10 * DAY, 10 * DAY + 20)
    assert (out[ANOMALY][0, part] == 1).all() == wanted
    assert (out[ANOMALY][0, part] == 1).any() == wanted
    # What stands still elsewhere is the source's doing, whatever the side.
    values[0, part] = 90
    assert run(values, policy)[KIND][0, 10 * DAY + 10] == Kind.FLATLINE


def test_a_deviation_that_nobody_wants_to_be_told_of_is_no_anomaly():
    values = noisy(12 * DAY, 9)
    values[0, 10 * DAY : 10 * DAY + 3] += 60
    values[0, 11 * DAY : 11 * DAY + 3] += 200
    found = flags(values, Policy(min_deviation=100))[0]
    assert not found[10 * DAY : 10 * DAY + 3].any()
    assert found[11 * DAY : 11 * DAY + 3].any()
    found = flags(values, Policy(min_percent=100))[0]
    assert not found[10 * DAY : 10 * DAY + 3].any()
    assert found[11 * DAY : 11 * DAY + 3].any()


def test_what_is_too_small_to_matter_hides_nothing_that_does():
    values = noisy(18 * DAY, 30, series=30)
    values[:, 10 * DAY :: 48] += 28
    at = 17 * DAY + 77
    values[:, at] += 45
    assert flags(values)[:, at].mean() < 0.5
    out = run(values, Policy(min_deviation=35))
    assert (out[ANOMALY][:, at] == 1).mean() > 0.9
    small = np.abs(values - shape(0, 18 * DAY)) < 30
    assert (out[ANOMALY] == 1)[small].sum() == 0
    np.testing.assert_array_equal(np.unique(out[PVALUE][:, 10 * DAY :][small[:, 10 * DAY :]]), [1.0])


def test_what_is_too_small_is_not_flagged_beside_what_is_however_many_are_asked_for():
    values = noisy(12 * DAY, 31, series=4)
    values[:, 10 * DAY :: 20] += 60
    found = flags(values, Policy(min_deviation=20, false_alarms=1000))
    assert found[:, 10 * DAY :: 20].mean() > 0.9
    assert not found[np.abs(values - shape(0, 12 * DAY)) < 15].any()


def test_a_shift_is_as_large_as_it_was_where_the_correction_has_followed_it():
    rng = np.random.default_rng(17)
    error = np.zeros(12 * DAY)
    for i in range(1, len(error)):
        error[i] = 0.95 * error[i - 1] + np.sqrt(1 - 0.95**2) * rng.normal()
    values = (shape(0, len(error)) + NOISE * error)[None]
    values[0, 10 * DAY : 10 * DAY + 100] += 40
    out = run(values, Policy(min_deviation=20))
    part = slice(10 * DAY, 10 * DAY + 100)
    assert (np.abs(values - out[YHAT])[0, part] < 20).mean() > 0.2
    assert (out[ANOMALY][0, part] == 1).all()


def test_what_the_values_cannot_be():
    values = noisy(9 * DAY, 10)
    values[0, -5] = -1.0
    out = run(values, Policy(data_range=(0.0, 105.0), clip=True))
    assert out[ANOMALY][0, -5] == 1
    assert np.nanmax(out[UPPER]) == 105.0
    assert (out[ANOMALY] == 1)[values > 105].all()


def test_the_band_can_be_made_wider():
    values = noisy(9 * DAY, 11)
    plain, wide = run(values), run(values, Policy(scale=(2.0, 3.0)))
    np.testing.assert_allclose(wide[YHAT] - wide[LOWER], 2 * (plain[YHAT] - plain[LOWER]), rtol=1e-9)
    np.testing.assert_allclose(wide[UPPER] - wide[YHAT], 3 * (plain[UPPER] - plain[YHAT]), rtol=1e-9)
    np.testing.assert_array_equal(wide[SCORE], plain[SCORE])


def test_forecasts_have_the_band_that_is_asked_for():
    edges = np.array([[[50.0, 99.0]], [[40.0, 90.0]], [[60.0, 108.0]]])
    forecast = Forecast((SeriesKey("m"),), np.array([BEGIN, BEGIN + STEP]), *edges, BEGIN)
    twice = np.full(1, 2.0)
    wide = Judge(Policy(scale=(3.0, 1.0)), STEP).ahead(forecast, twice)
    np.testing.assert_array_equal([wide.yhat, wide.lower, wide.upper], [[[50, 99]], [[-10, 45]], [[70, 117]]])
    kept = Judge(Policy(data_range=(45.0, 100.0), clip=True), STEP).ahead(forecast, twice)
    np.testing.assert_array_equal([kept.yhat, kept.lower, kept.upper], [[[50, 99]], [[45, 81]], [[70, 100]]])
    off = Policy(enabled=False, scale=(3.0, 1.0), data_range=(45.0, 100.0), clip=True)
    assert Judge(off, STEP).ahead(forecast, np.ones(1)) is forecast


def test_no_scale_is_smaller_than_the_resolution():
    rng = np.random.default_rng(12)
    values = np.round(MEAN + 0.3 * rng.normal(size=(1, 12 * DAY)))
    yhat = np.full(12 * DAY, MEAN)
    out = said(values, yhat=yhat)
    narrow = replace(out, outputs={**out.outputs, LOWER: yhat[None] - 0.1, UPPER: yhat[None] + 0.1})
    _, found = judged(Judge(Policy(resolution=10.0), STEP), narrow)
    assert not (found.scores.outputs[ANOMALY] == 1).any()


def test_off_it_publishes_what_the_detector_says():
    scores = said(noisy(DAY, 13))
    _, found = judged(Judge(Policy(enabled=False), STEP), scores)
    assert found.scores is scores
    assert found.incidents is None


def test_a_detector_without_a_forecast_is_judged_by_its_score():
    rng = np.random.default_rng(14)
    values = rng.normal(size=(3, 14 * DAY))
    score = np.abs(rng.normal(size=values.shape))
    score[1, 12 * DAY] = 40
    plain = said(values)
    scores = replace(plain, outputs={SCORE: score, ANOMALY: (score > 1) * 1.0})
    _, found = judged(Judge(Policy(), STEP), scores)
    flagged = found.scores.outputs[ANOMALY] == 1
    assert flagged[1, 12 * DAY]
    assert flagged[:, 7 * DAY :].mean() < 0.001
    assert YHAT not in found.scores.outputs


@pytest.mark.parametrize("policy", [Policy(), Policy(above=False), Policy(below=False), Policy(resolution=100.0)])
def test_of_a_score_only_what_is_higher_than_usual_is_strange(policy):
    values = 1000 + np.random.default_rng(18).normal(size=(2, 14 * DAY))
    score = 3 + 0.2 * np.random.default_rng(19).normal(size=values.shape)
    score[0, 12 * DAY : 12 * DAY + 5] = 0.01
    score[1, 12 * DAY : 12 * DAY + 5] = 6
    _, found = judged(Judge(policy, STEP), replace(said(values), outputs={SCORE: score, ANOMALY: (score > 1) * 1.0}))
    flagged = found.scores.outputs[ANOMALY][:, 12 * DAY : 12 * DAY + 5] == 1
    assert not flagged[0].any()
    assert flagged[1].all()


def test_without_a_forecast_nothing_is_said_of_how_far_off_a_sample_is():
    values = 1000 + np.random.default_rng(20).normal(size=(2, 14 * DAY))
    values[0, 12 * DAY : 12 * DAY + 20] += 40
    values[1, 12 * DAY : 12 * DAY + 20] = 0
    score = np.abs(values - 1000) / 3
    _, found = judged(Judge(Policy(), STEP), replace(said(values), outputs={SCORE: score, ANOMALY: (score > 1) * 1.0}))
    kinds = found.scores.outputs[KIND][:, 12 * DAY : 12 * DAY + 20]
    assert (found.scores.outputs[ANOMALY][0, 12 * DAY : 12 * DAY + 20] == 1).all()
    assert set(kinds[0]) == {Kind.NONE}
    assert set(kinds[1]) == {Kind.NONE, Kind.FLATLINE}


def by_the_hour(samples: int, seed: int, size: float) -> Floats:
    """A day that jumps at each hour, by so many times the noise."""
    levels = size * NOISE * np.random.default_rng(seed).normal(size=24)
    return MEAN + np.resize(np.repeat(levels, DAY // 24), samples)


def test_seasonal_naive_stands_in_for_a_model_that_loses_to_it_and_the_model_comes_back():
    known = by_the_hour(16 * DAY, 17, 3)
    values = known + NOISE * np.random.default_rng(15).normal(size=(1, 16 * DAY))
    useless = np.where(np.arange(16 * DAY) < 8 * DAY, MEAN, known)
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=useless))
    fallback = found.scores.outputs[FALLBACK][0]
    assert fallback[DAY // 2] == 0
    assert fallback[4 * DAY : 8 * DAY].all()
    assert fallback[-1] == 0
    assert found.scores.outputs[SKILL][0, 7 * DAY] < 0 < found.scores.outputs[SKILL][0, -1]


def test_a_model_that_the_near_term_correction_makes_the_better_one_stays():
    values = noisy(8 * DAY, 15, series=4)
    # Errors that are alike: those of tomorrow are not, and those of the next sample are.
    values += lfilter([1], [1, -0.95], NOISE * np.random.default_rng(16).normal(size=values.shape))
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=np.full(8 * DAY, MEAN)))
    outputs, last = found.scores.outputs, slice(-3 * DAY, None)
    assert not outputs[FALLBACK].any()
    assert (outputs[SKILL][:, last] < 0).mean() > 0.5
    width = (outputs[UPPER] - outputs[LOWER])[:, last]
    assert (width < 2 * 2.5758 * 2.5 * NOISE).mean() > 0.9


def test_where_seasonal_naive_stands_in_what_the_model_is_off_by_is_not_added_to_it():
    values = MEAN + NOISE * np.random.default_rng(17).normal(size=(1, 14 * DAY))
    values[:, 4 * DAY :] += 400 * NOISE + by_the_hour(10 * DAY, 17, 100) - MEAN
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=np.full(14 * DAY, MEAN)))
    assert found.scores.outputs[FALLBACK][0, -2 * DAY :].all()
    assert (found.scores.outputs[ANOMALY][0, -2 * DAY :] == 1).mean() < 0.01


@pytest.mark.parametrize("late", [0, 2, 20])
def test_what_comes_back_just_after_it_was_accepted_is_where_it_was(late):
    values = MEAN + NOISE * np.random.default_rng(20).normal(size=(4, 3 * DAY))
    # In a young series a shift is accepted once it has lasted for as long as what was before it.
    values[:, 48 : 96 + late] -= 25 * NOISE
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=np.full(3 * DAY, MEAN)))
    outputs = found.scores.outputs
    width = (outputs[UPPER] - outputs[LOWER])[:, DAY:]
    assert np.median(width[:, : DAY // 3]) < 15 * NOISE
    assert np.median(width[:, DAY:]) < 8 * NOISE
    assert not outputs[FALLBACK].any()


def test_a_first_sample_that_is_far_off_says_nothing_of_the_rest_of_the_day():
    values = MEAN + NOISE * np.random.default_rng(18).normal(size=(8, DAY))
    flat = np.full(DAY, MEAN)
    clean, _ = judged(Judge(Policy(), STEP), said(values, yhat=flat))
    values[:, 0] += 30 * NOISE
    state, _ = judged(Judge(Policy(), STEP), said(values, yhat=flat))
    np.testing.assert_allclose(state["track"]["quantiles"][:, 2], clean["track"]["quantiles"][:, 2], atol=0.3)


def test_another_model_changes_nothing_of_what_was_seen():
    values = noisy(12 * DAY, 16)
    judge, cut = Judge(Policy(), STEP), 11 * DAY
    state, _ = judged(judge, said(values[:, :cut]))
    second = values[:, cut:]
    _, same = judged(judge, said(second, cut), state)
    shifted = said(second, cut, yhat=shape(cut, DAY) + 10)
    _, other = judged(judge, shifted, state, before=shape(cut - 1, 1) + 10, fitted_at=np.full(1, 2))
    np.testing.assert_allclose(other.scores.outputs[YHAT][0, :5], same.scores.outputs[YHAT][0, :5], atol=NOISE)
    assert not (other.scores.outputs[ANOMALY][0, :5] == 1).any()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 600), max_size=4), st.integers(0, 10_000))
def test_pieces_are_the_whole_whatever_is_written_down_between(cuts, seed):
    values = noisy(620, seed, series=3)
    values[1, 300:330] = np.nan
    values[2, 400:420] += 70
    judge = Judge(Policy(), STEP)
    end, whole = judged(judge, said(values))
    state, parts = None, []
    edges = [0, *sorted(set(cuts)), 620]
    for a, b in pairwise(edges):
        state, part = judged(judge, said(values[:, a:b], a), state)
        state = State.from_arrays(state.to_arrays())
        parts.append(part.scores.outputs)
    for name, output in whole.scores.outputs.items():
        np.testing.assert_array_equal(np.concatenate([p[name] for p in parts], axis=1), output, err_msg=name)
    assert_same_arrays(state.arrays, end.arrays)


def test_no_series_is_judged_by_what_stands_beside_it():
    values = noisy(3 * DAY, 17, series=4)
    values[2, 2 * DAY :] = np.array([1e308, -1e308] * (DAY // 2))
    judge = Judge(Policy(), STEP)
    _, among = judged(judge, said(values))
    for row in range(4):
        _, alone = judged(judge, said(values[row : row + 1]))
        for name, output in among.scores.outputs.items():
            np.testing.assert_array_equal(output[row], alone.scores.outputs[name][0], err_msg=name)


@pytest.mark.parametrize("odd", [1e308, -1e308, 5e-324, 0.0, np.nan])
def test_strange_numbers_give_none_that_are_not_finite(odd):
    values = noisy(2 * DAY, 18)
    values[0, DAY : DAY + 50 : 2] = odd
    with np.errstate(all="ignore"):
        out = run(values)
    for name, output in out.items():
        assert not np.isinf(output).any(), name
    assert np.isfinite(out[SCORE][0, -1])
    assert np.isfinite(out[YHAT][0, -1])
    assert 0 <= out[PVALUE][0, -1] <= 1


def test_a_model_at_the_end_of_all_numbers_warns_of_nothing():
    """A warning of NumPy's stands in the log of whoever runs Sentio."""
    values = noisy(2 * DAY, 18)
    values[0, DAY : DAY + 400 : 2] = 1e308
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        judge = Judge(Policy(), STEP)
        scores = said(values, yhat=np.full_like(values, 1e308))
        judged(judge, replace(scores, outputs={**scores.outputs, LOWER: 0.99 * scores.outputs[YHAT]}))


def test_the_score_never_sees_a_later_sample():
    values = noisy(5 * DAY, 19)
    changed = values.copy()
    changed[0, 4 * DAY :] = 0
    before, after = run(values), run(changed)
    for name in before:
        np.testing.assert_array_equal(before[name][0, : 4 * DAY], after[name][0, : 4 * DAY], err_msg=name)


def test_a_series_takes_less_than_four_kilobytes():
    state = Judge(Policy(), STEP).blank(tuple(SeriesKey(str(i)) for i in range(100)))
    assert sum(array.nbytes for array in state.arrays.values()) / 100 <= 4096


def test_the_state_of_another_version_is_known_as_such():
    judge = Judge(Policy(), STEP)
    state = judge.blank((SeriesKey("m"),))
    assert judge.fits(state)
    assert not judge.fits(State(state.keys, {k: v for k, v in state.arrays.items() if k != "track"}))
    assert not judge.fits(State(state.keys, {**state.arrays, "track": np.zeros(1, [("level", np.float64)])}))
    track = state["track"]
    kinds = [(name, np.int64 if name == "part" else track.dtype[name]) for name in track.dtype.names]
    assert not judge.fits(State(state.keys, {**state.arrays, "track": track.astype(kinds)}))


def test_what_was_usual_before_a_shift_is_no_measure_of_what_is_after_it():
    rng = np.random.default_rng(8)
    values, wander = np.zeros((10, 5 * DAY)), rng.normal(size=(10, 3 * DAY))
    for i in range(1, 3 * DAY):
        wander[:, i] += 0.99 * wander[:, i - 1]
    values[:, 2 * DAY :] = 1000 + 15 * wander
    spike = 4 * DAY + 50
    values[:, spike] += 2000
    scores = said(values, yhat=np.zeros(5 * DAY))
    tight = dict(scores.outputs) | {LOWER: np.full(values.shape, -1e-6), UPPER: np.full(values.shape, 1e-6)}
    out = judged(Judge(Policy(), STEP), replace(scores, outputs=tight))[1].scores.outputs
    assert (out[ANOMALY][:, 2 * DAY + 100 : spike] == 1).mean() < 0.005
    assert (out[ANOMALY][:, spike] == 1).all()
