"""From its fifth week on a series has the flags asked for, whatever comes each day; and what is new is found."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.types import ANOMALY, Floats
from tests.judgement.test_judge import DAY, NOISE, STEP, judged, said

WEEK = 7 * DAY
SERIES = 4


def eventful(weeks: int, size: float, length: int, mended: int | None = None) -> Floats:
    """Noise, and once a day, at any time of it, ``length`` samples about ``size`` scales above it, until the week in
    which that is ``mended``."""
    rng = np.random.default_rng(1)
    values = 10 + NOISE * rng.normal(size=(SERIES, weeks * WEEK))
    for day in range(7 * (weeks if mended is None else mended)):
        for row in values:
            begin = day * DAY + rng.integers(DAY - length)
            row[begin : begin + length] += size * NOISE * rng.uniform(0.7, 1.3)
    return values


def flagged(values: Floats, policy: Policy | None = None) -> Floats:
    """``[S, n]`` of a detector that expects what is usual."""
    scores = said(values, yhat=np.full(values.shape[1], 10.0))
    return np.asarray(judged(Judge(policy or Policy(), STEP), scores)[1].scores.outputs[ANOMALY] == 1)


def episodes(found: Floats) -> float:
    """Of a series and week: flags that are less than an hour apart are one."""
    at = np.flatnonzero(np.pad(found, ((0, 0), (0, 12))))
    return float((np.diff(at, prepend=-100) > 12).sum() / (len(found) * found.shape[1] / WEEK))


@pytest.mark.parametrize(("size", "length"), [(6, 2), (6, 6), (12, 1), (30, 6)])
def test_what_comes_each_day_is_told_of_for_four_weeks_and_then_as_often_as_asked(size: float, length: int) -> None:
    found = flagged(eventful(9, size, length))
    assert episodes(found[:, WEEK : 4 * WEEK]) > (6 if size > 6 else 2)
    assert 0.5 < episodes(found[:, 6 * WEEK :]) < 2


def test_as_often_as_asked_is_as_the_policy_has_it() -> None:
    values = eventful(9, 12, 2)
    assert episodes(flagged(values, Policy(false_alarms=1.0))[:, 6 * WEEK :]) > 6
    assert episodes(flagged(values, Policy(false_alarms=1 / 30))[:, 6 * WEEK :]) < 0.5


def test_an_incident_is_found_among_what_comes_each_day() -> None:
    values = eventful(10, 12, 2)
    at = 9 * WEEK + 2 * DAY
    values[:, at : at + 60] += 20 * NOISE
    assert flagged(values)[:, at : at + 12].any(axis=1).all()


def test_an_incident_is_found_in_the_week_after_what_came_each_day_was_mended() -> None:
    values = eventful(10, 12, 2, mended=8)
    at = 9 * WEEK + DAY
    values[:, at : at + 40] += 8 * NOISE
    found = flagged(values)
    assert found[:, at : at + 12].any(axis=1).all()
    assert episodes(found[:, 8 * WEEK : at]) < 2


def test_what_is_new_and_comes_each_day_is_told_of_again_once_it_was_over() -> None:
    values = eventful(12, 12, 2, mended=7)
    rng = np.random.default_rng(2)
    for day in range(9 * 7, 10 * 7):
        values[:, day * DAY + rng.integers(DAY)] += 12 * NOISE
    found = flagged(values)
    assert found[:, 9 * WEEK : 9 * WEEK + 3 * DAY].any(axis=1).all()
