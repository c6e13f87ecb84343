"""The shape of a day that comes hours late or early: behind a real model, and in the memory of incidents."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sentio.config.model import DAY as A_DAY
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import Settings, configured
from sentio.judgement import incidents
from sentio.judgement.incidents import Samples
from sentio.judgement.judge import KIND
from sentio.judgement.kinds import Kind
from sentio.judgement.sentence import sentence
from sentio.types import SECOND, Floats, Panel, SeriesKey
from tests.judgement.alone import watch
from tests.judgement.made import Run
from tests.same import assert_same_arrays

BEGIN = 1_699_920_000 * SECOND
PATTERNS = (Kind.EARLY_PATTERN, Kind.LATE_PATTERN)


def peaks(hours: Floats) -> Floats:
    """At nine and at nineteen o'clock."""
    hour = hours % 24
    return 100 + 60 * np.exp(-(((hour - 9) / 1.5) ** 2)) + 40 * np.exp(-(((hour - 19) / 2) ** 2))


def office(hours: Floats) -> Floats:
    hour = hours % 24
    return 100 + 60 * np.clip(2 * (hour - 8), 0, 1) * np.clip(2 * (18.5 - hour), 0, 1)


def wave(hours: Floats) -> Floats:
    return 100 + 60 * np.sin(2 * np.pi * hours / 24)


def shifted(shape, hours: Floats, first: int, later: float) -> Floats:
    """``shape`` that comes so much ``later`` from hour ``first`` on."""
    return shape(np.where(hours >= first, hours - later, hours))


def at_the_end(open_kinds) -> set[Kind]:
    """What the incidents of one series were at last; ``open_kinds``: 0 where there was none."""
    ended = np.flatnonzero((open_kinds > 0) & ~(np.append(open_kinds[1:], 0) > 0))
    return {Kind(int(open_kinds[i])) for i in ended}


DAYS, SERIES = 6, 6


def behind_a_model(change):
    """The last kinds of the incidents from the fifth day on, of each series; ``change`` makes values of hours."""
    hours = np.arange(DAYS * 288) / 12
    noise = 4 * np.random.default_rng(50).normal(size=(SERIES, len(hours)))
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(SERIES))
    panel = Panel(keys, BEGIN + 300 * SECOND * np.arange(len(hours), dtype=np.int64), change(hours) + noise)
    config, alias = configured(Settings(train_every=A_DAY), {}, 300 * SECOND)
    kinds = replay(config, alias, panel, start=2 * 288).outputs[KIND]
    return [at_the_end(row[4 * 288 :]) for row in kinds]


@pytest.mark.parametrize(("shape", "later", "kind"), [(peaks, 2, Kind.LATE_PATTERN), (office, -2, Kind.EARLY_PATTERN)])
def test_a_day_that_comes_two_hours_late_or_early_is_named_as_that(shape, later, kind):
    found = behind_a_model(lambda hours: shifted(shape, hours, 4 * 24 + 4, later))
    assert sum(kind in kinds for kinds in found) >= SERIES - 1
    assert not any((set(PATTERNS) - {kind}) & kinds for kinds in found)


@pytest.mark.parametrize("shape", [peaks, office, wave])
@pytest.mark.parametrize(
    "change",
    [
        lambda shape: lambda hours: shape(hours) + 70 * (hours >= 4 * 24 + 7) * (hours < 4 * 24 + 11),
        lambda shape: lambda hours: shape(hours) * np.where(hours >= 4 * 24 + 6, 1.4, 1),
        lambda shape: lambda hours: shape(hours) - 10 * np.clip(hours - (4 * 24 + 8), 0, 8),
    ],
    ids=["step for hours", "higher by a part", "ramp"],
)
def test_what_is_no_shift_of_the_day_is_not_named_as_one(shape, change):
    found = behind_a_model(change(shape))
    assert all(found)
    assert not any(set(PATTERNS) & kinds for kinds in found)


def judged(values: Floats, expected: Floats, step: int, cuts: tuple[int, ...] = ()) -> Run:
    """By a plain judge, as `made.judged`, with another ``step`` in ns; in pieces."""
    memory, parts = incidents.blank(len(values)), []
    at = BEGIN + step * np.arange(values.shape[1], dtype=np.int64)
    for first, last in itertools.pairwise([0, *cuts, values.shape[1]]):
        piece = slice(first, last)
        v, e = values[:, piece], np.broadcast_to(expected[piece], values[:, piece].shape).copy()
        learned, evidence = watch(memory, at[piece], step, v, e, np.ones(v.shape))
        with np.errstate(over="ignore", invalid="ignore"):
            score = np.abs(v - e) / 4
        anomalous = np.where(np.isnan(v), np.nan, (score > 1).astype(float))
        memory, found = incidents.follow(
            {**memory, **learned}, at[piece], step, Samples(v, e, np.ones(v.shape), anomalous, score), evidence
        )
        parts.append(found)
    together = incidents.Incidents._make(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))
    return Run(memory, evidence, together)


def by_step(step: int, later: float, days: float = 2) -> tuple[Floats, Floats]:
    """Values of three series whose second day is late from four o'clock on, and what was expected."""
    hours = np.arange(round(days * 24 * 3600 / step)) * step / 3600
    noise = np.random.default_rng(51).normal(size=(3, len(hours)))
    return shifted(peaks, hours, 28, later) + noise, peaks(hours)


@pytest.mark.parametrize("step", [60, 300, 900, 3600])
@pytest.mark.parametrize("later", [2, 1, -1, -2])
def test_the_lag_is_told_whatever_the_step(step, later):
    values, expected = by_step(step, later)
    run = judged(values, expected, step * SECOND)
    named = np.isin(run.incidents.kind, PATTERNS) & run.incidents.open
    assert named.any(axis=1).all()
    assert (np.abs(run.incidents.lag[named] * step / 3600 - later) <= 0.5).mean() > 0.95
    row, column = np.argwhere(named)[-1]
    text = sentence(run.incidents, row, column, step=step * SECOND, now=BEGIN + step * SECOND * int(column))
    assert text.startswith("Late pattern since" if later > 0 else "Early pattern since")
    assert ("late, for" if later > 0 else "early, for") in text


@pytest.mark.parametrize("later", [-0.5, 0.5])
def test_what_is_half_a_step_late_or_early_is_so_by_one(later):
    hours = np.arange(4 * 24.0)
    values = shifted(wave, hours, 28, later) + np.random.default_rng(53).normal(size=(3, len(hours)))
    run = judged(values, wave(hours), 3600 * SECOND)
    named = np.isin(run.incidents.kind, PATTERNS) & run.incidents.open
    assert named.any(axis=1).all()
    assert (run.incidents.lag[named] == np.sign(later)).all()


@pytest.mark.parametrize("shape", [peaks, office])
def test_what_does_not_come_at_all_is_not_late_by_what_has_passed_since(shape):
    hours = np.arange(2 * 1440) / 60
    noise = np.random.default_rng(52).normal(size=(3, len(hours)))
    run = judged(np.where(hours < 28, shape(hours), 100) + noise, shape(hours), 60 * SECOND)
    assert run.incidents.open[:, -1440:].any(axis=1).all()
    assert not np.isin(run.incidents.kind, PATTERNS).any()


def test_in_pieces_is_at_once_over_days_and_gaps():
    values, expected = by_step(300, 2)
    values[0, 150:190], values[1, 310:], values[2, ::3] = np.nan, np.nan, np.nan
    whole, cut = judged(values, expected, 300 * SECOND), judged(values, expected, 300 * SECOND, (1, 143, 144, 391, 470))
    assert_same_arrays(cut.memory, whole.memory)
    for name, column in whole.incidents._asdict().items():
        np.testing.assert_array_equal(column, getattr(cut.incidents, name), err_msg=name)


def test_hours_without_a_sample_are_forgotten():
    values, expected = by_step(300, 0)
    memory = judged(values, expected, 300 * SECOND).memory
    later = BEGIN + 2 * A_DAY + np.array([5 * 3600 * SECOND])
    one = np.full((3, 1), 100.0)
    learned, evidence = watch(memory, later, 300 * SECOND, one, one, one)
    samples = Samples(one, one, one, 0 * one, 0 * one)
    after, _ = incidents.follow({**memory, **learned}, later, 300 * SECOND, samples, evidence)
    assert np.isfinite(memory["incident"]["hours"]).all()
    assert np.isnan(after["incident"]["hours"]).sum(axis=2).tolist() == [[5, 5]] * 3


@pytest.mark.parametrize("extreme", [1e308, -1e308, 5e-324, np.inf])
def test_extreme_numbers_leave_no_infinity_in_the_hours(extreme):
    values, expected = by_step(900, 2)
    values[0, 20::7], values[1, 140:150] = extreme, extreme
    expected[130:133] = extreme
    run = judged(values, expected, 900 * SECOND)
    assert not np.isinf(run.memory["incident"]["hours"]).any()
    clean = judged(values[2:], expected, 900 * SECOND)
    np.testing.assert_array_equal(run.incidents.kind[2], clean.incidents.kind[0])
