"""What is brief and comes each day is told of for four weeks, then as often as is asked; and it hides nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.judgement.track import RECORD
from sentio.state import State
from sentio.types import ANOMALY, LOWER, PVALUE, SCORE, SECOND, UPPER, YHAT, Bools, Floats, Scores
from tests.judgement.test_judge import BEGIN, DAY, NOISE, STEP, judged, said

WEEK = 7 * DAY
TWO_HOURS = 24
WEEKS = 10
SERIES = 2
"""Of each case."""
LATE = 9 * WEEK + 2 * DAY + 100
"""A sample of the last week;"""
SOON = 8 * WEEK + 4 * DAY
"""and one of the week before."""


def noise(weeks: int = WEEKS) -> Floats:
    return 10 + NOISE * np.random.default_rng(1).normal(size=(SERIES, weeks * WEEK))


def spikes(size: float, length: int = 2, until: int = WEEKS) -> Floats:
    """Noise, and once a day, at any time of it, ``length`` samples about ``size`` scales off, ``until`` a week."""
    rng = np.random.default_rng(2)
    values = noise()
    for day in range(7 * until):
        for row in values:
            begin = day * DAY + rng.integers(DAY - length)
            row[begin : begin + length] += size * NOISE * rng.uniform(0.7, 1.3)
    return values


def then(values: Floats, off: float, begin: int = LATE, samples: int | None = TWO_HOURS) -> Floats:
    """``values`` that are ``off`` so many scales from ``begin`` on."""
    values[:, begin : None if samples is None else begin + samples] += off * NOISE
    return values


def flagged(cases: dict[str, Floats], policy: Policy | None = None) -> dict[str, Bools]:
    """Where each case, ``[S, n]``, is flagged behind a detector that expects what is usual: judged as one panel."""
    values = np.concatenate(list(cases.values()))
    scores = said(values, yhat=np.full(values.shape[1], 10.0))
    found = judged(Judge(policy or Policy(), STEP), scores)[1].scores.outputs[ANOMALY] == 1
    return dict(zip(cases, np.split(found, len(cases)), strict=True))


def a_week(found: Bools) -> float:
    """Episodes of a series; those that are less than an hour apart are one."""
    at = np.flatnonzero(np.pad(found, ((0, 0), (0, 12))))
    return float((np.diff(at, prepend=-100) > 12).sum() / (len(found) * found.shape[1] / WEEK))


def at(values: Floats, first: int, step: int) -> Scores:
    """What a detector that expects 10 says of samples ``step`` s apart."""
    scores = said(values, first, np.full(values.shape[1], 10.0))
    return replace(scores, times=BEGIN + step * SECOND * (first + np.arange(values.shape[1], dtype=np.int64)))


def aged(state: State, days: float, brief: float = 0) -> State:
    """``state`` of series so old, that have so much in their buckets, and had their last flag just now."""
    track = state["track"].copy()
    track["age"] = days * 86_400 * SECOND
    track["brief"] = brief
    track["flagged"] = track["at"]
    track["calm"] = 0
    return State(state.keys, {**state.arrays, "track": track})


EACH_DAY = {
    "6 scales": (6, 2),
    "12 scales, a sample": (12, 1),
    "12 scales below": (-12, 2),
    "30 scales": (30, 2),
}
LASTS = (-60, -10, -6, 8, 20, 100)
EVERY_FEW_DAYS = range(5 * WEEK, WEEKS * WEEK - DAY, WEEK // 2)
A_BAD_DAY = range(6 * WEEK, 6 * WEEK + DAY, 20)


@pytest.fixture(scope="module")
def found() -> dict[str, Bools]:
    cases = {name: spikes(*each) for name, each in EACH_DAY.items()}
    cases |= {f"{off} among {size}": then(spikes(size), off) for size in (12, 30) for off in LASTS}
    cases |= {f"shift {off}": then(spikes(30), off, samples=None) for off in (-6, 8)}
    cases["brief drop"] = then(spikes(12), -12, samples=1)
    cases["mended"] = then(spikes(30, until=8), 12, samples=1)
    cases["elsewhere"] = then(then(spikes(30, until=8), 60, 8 * WEEK, None), 12, SOON, 1)
    cases["every few days"], cases["bad day"] = noise(), noise()
    for begin in EVERY_FEW_DAYS:
        then(cases["every few days"], -10, begin)
    for begin in A_BAD_DAY:
        then(cases["bad day"], 12, begin, 2)
    return flagged(cases)


@pytest.mark.parametrize("case", EACH_DAY)
def test_a_spike_of_each_day_is_told_of_for_four_weeks_and_then_as_often_as_asked(
    found: dict[str, Bools], case: str
) -> None:
    assert a_week(found[case][:, WEEK : 4 * WEEK]) > (2 if case == "6 scales" else 6)
    assert 0.5 < a_week(found[case][:, 7 * WEEK :]) < 2.5


def test_where_one_a_day_is_asked_for_a_spike_of_each_day_is_told_of() -> None:
    assert a_week(flagged({"": spikes(12)}, Policy(false_alarms=1.0))[""][:, 7 * WEEK :]) > 6


@pytest.mark.parametrize("off", LASTS)
@pytest.mark.parametrize("size", [12, 30])
def test_what_lasts_is_found_within_half_an_hour(found: dict[str, Bools], size: int, off: int) -> None:
    assert found[f"{off} among {size}"][:, LATE : LATE + 7].any(axis=1).all()


@pytest.mark.parametrize("off", [-6, 8])
def test_a_shift_is_told_of_before_it_is_the_new_normal(found: dict[str, Bools], off: int) -> None:
    assert found[f"shift {off}"][:, LATE : LATE + 6].any(axis=1).all()


def test_what_is_brief_is_found_on_the_other_side(found: dict[str, Bools]) -> None:
    assert found["brief drop"][:, LATE].all()


def test_what_came_each_day_before_a_shift_hides_nothing_after_it(found: dict[str, Bools]) -> None:
    assert found["elsewhere"][:, SOON].all()


def test_a_spike_is_told_of_again_a_week_after_what_came_each_day_was_mended(found: dict[str, Bools]) -> None:
    assert found["mended"][:, LATE].all()
    assert a_week(found["mended"][:, 8 * WEEK + DAY : LATE]) < 1


def test_incidents_that_come_every_few_days_are_all_told_of(found: dict[str, Bools]) -> None:
    assert all(found["every few days"][:, begin : begin + 2].any(axis=1).all() for begin in EVERY_FEW_DAYS)


def test_a_bad_day_is_no_habit(found: dict[str, Bools]) -> None:
    told = [found["bad day"][:, begin : begin + 2].any(axis=1).all() for begin in A_BAD_DAY]
    assert np.mean(told) > 0.6
    assert all(told[:8])


@pytest.mark.parametrize("step", [15, 60, 300, 3600])
def test_it_has_a_say_in_the_first_ten_minutes_of_an_episode_and_in_nothing_else(step: int) -> None:
    rng = np.random.default_rng(5)
    values = 10 + NOISE * rng.normal(size=(12, 720))
    for samples, rows in zip((1, 3, 12, 20), np.split(values, 4), strict=True):
        rows[:, 600 : 600 + samples] += np.array([[8], [-12], [30]]) * NOISE
    values[0, 600:700:4] += 12 * NOISE
    values[1, 600:700] += 5 * NOISE * rng.normal(size=100)
    judge = Judge(Policy(), step * SECOND)
    known, _ = judged(judge, at(values[:, :590], 0, step))
    young, old = aged(known, 20), aged(known, 40, 1e3)
    after, all_of_it = judged(judge, at(values[:, 590:], 590, step), young)
    now, told = judged(judge, at(values[:, 590:], 590, step), old)
    flags, heard = all_of_it.scores.outputs[ANOMALY] == 1, told.scores.outputs[ANOMALY] == 1
    assert 0 < heard.sum() < flags.sum()
    assert not (heard & ~flags).any()
    for row, audible in zip(flags, heard, strict=True):
        k = np.flatnonzero(row)
        first = np.maximum.accumulate(np.where(np.diff(k, prepend=-(10**6)) > max(3, 3600 / step), k, 0))
        assert not audible[k][k == first].any()
        # What lasts has evidence of its own, which may be there sooner.
        assert audible[k][(k - first) * step >= max(600, step)].all()
    others = {"age", "brief", "owed"}
    for name in set(RECORD.names or ()) - others:
        np.testing.assert_array_equal(now["track"][name], after["track"][name], err_msg=name)
    for name in (YHAT, LOWER, UPPER, PVALUE):
        np.testing.assert_array_equal(told.scores.outputs[name], all_of_it.scores.outputs[name])


def test_what_is_the_first_of_its_kind_is_published_as_of_a_young_series() -> None:
    values = noise(1)[:, : 2 * DAY]
    values[:, 400:440:4] += 12 * NOISE
    values[0, 440:480] += 6 * NOISE
    judge = Judge(Policy(), STEP)
    known, _ = judged(judge, at(values[:, :399], 0, 300))
    rest = at(values[:, 399:], 399, 300)
    young, old = (judged(judge, rest, aged(known, days))[1].scores.outputs for days in (20, 40))
    np.testing.assert_array_equal(young[SCORE], old[SCORE])
    assert (old[ANOMALY] == 1).any(axis=1).all()
