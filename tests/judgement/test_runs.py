"""Values that stand still, gaps and zeros: found soon, and not where they are natural."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.judgement import runs
from sentio.judgement.evidence import blank
from tests.judgement.alone import watch
from tests.judgement.grid import STEP, times

SERIES, WEEK = 40, 10_080


def watched(values, expected=50.0, scale=1.0, memory=None, first=0, young=False):
    values = np.asarray(values, float)
    memory = blank(len(values)) if memory is None else memory
    full = np.full(values.shape, 1.0)
    return watch(
        memory,
        times(values.shape[1], first),
        STEP,
        values,
        expected * full,
        scale * full,
        young=np.full(len(values), young),
    )


def opened(evidence):
    """How often it became abnormal."""
    return int(((evidence[:, 1:] >= 1) & (evidence[:, :-1] < 1)).sum())


def slow_noise(rng, keep, samples):
    noise = rng.normal(size=(SERIES, samples))
    for i in range(1, samples):
        noise[:, i] = keep * noise[:, i - 1] + np.sqrt(1 - keep**2) * noise[:, i]
    return noise


def night_and_day(samples):
    return 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(samples) / 1440)


NATURAL = {
    "noise": lambda rng, n: rng.normal(size=(SERIES, n)),
    "whole numbers": lambda rng, n: rng.poisson(3, (SERIES, n)),
    "whole numbers, by night and day": lambda rng, n: rng.poisson(0.1 + 10 * night_and_day(n) ** 2, (SERIES, n)),
    "mostly zero": lambda rng, n: rng.poisson(0.02, (SERIES, n)),
    "a resolution": lambda rng, n: np.round(2 * slow_noise(rng, 0.9, n)) / 2,
    "a coarse resolution": lambda rng, n: np.round(slow_noise(rng, 0.9, n) / 2),
    "read four times as often": lambda rng, n: np.repeat(rng.normal(size=(SERIES, n // 4)), 4, axis=1),
    "constant": lambda _, n: np.full((SERIES, n), 3.0),
    "constant after a start": lambda rng, n: np.where(np.arange(n) < 15, rng.normal(size=(SERIES, n)), 7.0),
    "a setting": lambda rng, n: np.cumsum(rng.random((SERIES, n)) < 0.001, axis=1),
}


@pytest.mark.parametrize("name", NATURAL)
def test_natural_repeats_are_not_stuck(name):
    values = NATURAL[name](np.random.default_rng(5), 2 * WEEK)
    _, evidence = watched(values)
    assert opened(evidence.stuck) <= 3  # in 80 series-weeks
    assert opened(evidence.absent) == 0


@pytest.mark.parametrize(
    ("name", "within"), [("noise", 4), ("whole numbers", 15), ("a resolution", 28), ("read four times as often", 30)]
)
def test_a_value_that_stands_still_is_found(name, within):
    values = NATURAL[name](np.random.default_rng(6), WEEK)
    memory, _ = watched(values)
    _, evidence = watched(np.full((SERIES, 40), 0.123), memory=memory, first=WEEK)
    assert (evidence.stuck[:, within - 1] >= 1).mean() > 0.95
    assert (evidence.equal_from[:, within] == times(1, WEEK)[0]).all()


def test_five_equal_values_are_enough_after_an_hour():
    values = np.random.default_rng(7).normal(size=(SERIES, 60))
    memory, _ = watched(values)
    _, evidence = watched(np.full((SERIES, 5), 0.5), memory=memory, first=60)
    assert (evidence.stuck[:, 4] >= 1).all()


def resting(days, rest, seed):
    """Noise, and so many minutes of zero each night."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(SERIES, days * 1440))
    values[:, np.arange(days * 1440) % 1440 < rest] = 0
    return values


@pytest.mark.parametrize("begins", [0, 700])
def test_a_night_that_is_in_a_history_is_known_as_a_rest_and_a_longer_one_is_not(begins):
    values = resting(4, 480, 21)[:, begins:]
    memory, _ = watched(values[:, :1440], young=True)
    _, evidence = watched(values[:, 1440:], memory=memory, first=1440)
    assert opened(evidence.stuck) == 0
    begin = 1440 - begins if begins else 1440
    longer = values[:, 1440:].copy()
    longer[:, begin : begin + 1100] = 0
    _, evidence = watched(longer, memory=memory, first=1440)
    assert (evidence.stuck[:, begin + 970] >= 1).all()


def test_a_value_that_stands_still_where_none_rested_is_found_as_soon_as_ever():
    values = resting(3, 480, 23)
    values[:, 2 * 1440 + 700 : 2 * 1440 + 800] = 0.123
    memory, _ = watched(values[:, :1440], young=True)
    _, evidence = watched(values[:, 1440:], memory=memory, first=1440)
    assert (evidence.stuck[:, 1440 + 715] >= 1).all()


def test_one_rest_is_not_enough_where_the_nights_are_known():
    values = np.random.default_rng(24).normal(size=(SERIES, 5 * 1440))
    values[:, 3 * 1440 : 3 * 1440 + 480] = 0
    values[:, 4 * 1440 : 4 * 1440 + 480] = 0
    memory, _ = watched(values[:, : 4 * 1440])
    _, evidence = watched(values[:, 4 * 1440 :], memory=memory, first=4 * 1440)
    assert (evidence.stuck[:, 60] >= 1).all()


EVERY = 5


def after_a_coarse_history(values, expected, split):
    """Evidence from minute ``split`` on; before the day that ends there, only every fifth minute was seen."""
    keys, coarse = len(values), slice(0, split - 1440, EVERY)
    full = np.broadcast_to(np.asarray(expected, float), values.shape)
    seen = values[:, coarse]
    memory = runs.glance(
        blank(keys), times(values.shape[1])[coarse], EVERY, seen, full[:, coarse], np.ones_like(seen),
        np.zeros(seen.shape, bool), np.zeros(keys, bool),
    )  # fmt: skip
    memory, _ = watched(
        values[:, split - 1440 : split], full[:, split - 1440 : split], memory=memory, first=split - 1440
    )
    return watched(values[:, split:], full[:, split:], memory=memory, first=split)[1]


def test_where_a_series_rests_is_known_from_a_coarse_history_and_to_stand_still_elsewhere_is_found_as_soon_as_ever():
    values = resting(8, 480, 26)
    assert opened(after_a_coarse_history(values, 0.0, 7 * 1440).stuck) == 0
    values[:, 7 * 1440 + 700 : 7 * 1440 + 800] = 0.123
    found = after_a_coarse_history(values, 0.0, 7 * 1440).stuck[:, 700:800] >= 1
    values = np.random.default_rng(27).normal(size=values.shape)
    values[:, 7 * 1440 + 700 : 7 * 1440 + 800] = 0.123
    alone = after_a_coarse_history(values, 0.0, 7 * 1440).stuck[:, 700:800] >= 1
    assert (found.argmax(axis=1) <= alone.argmax(axis=1) + 5).all()
    assert alone.any(axis=1).all()


def test_what_is_alike_by_chance_in_a_coarse_history_is_no_rest():
    """A gauge of few whole numbers, which then stands still at the most frequent of them."""
    rng = np.random.default_rng(28)
    values = np.where(rng.random((SERIES, 9 * 1440)) < 0.8, 3.0, rng.integers(0, 6, (SERIES, 9 * 1440)))
    values[:, 8 * 1440 :] = 3
    found = after_a_coarse_history(values, 3.0, 8 * 1440).stuck >= 1
    memory, _ = watched(values[:, 7 * 1440 : 8 * 1440], 3.0, first=7 * 1440)
    alone = watched(values[:, 8 * 1440 :], 3.0, memory=memory, first=8 * 1440)[1].stuck >= 1
    assert found.any(axis=1).all()
    assert np.median(found.argmax(axis=1)) <= 1.2 * np.median(alone.argmax(axis=1))


def test_zeros_of_a_coarse_history_are_known_as_usual():
    values = 50 + resting(8, 480, 29)
    values[values == 50] = 0
    assert (after_a_coarse_history(values, 50.0, 7 * 1440).zeroed < 1).all()
    values[:, : 7 * 1440] += 50 * (values[:, : 7 * 1440] == 0)
    assert (after_a_coarse_history(values, 50.0, 7 * 1440).zeroed[:, 0] >= 1).all()


def test_values_that_differ_by_rounding_alone_are_equal():
    values = 41.2 + np.random.default_rng(8).normal(size=(1, 300))
    values[0, 200:] = 41.2 * (1 + 1e-15 * (np.arange(100) % 2))
    _, evidence = watched(values)
    assert evidence.equal[0, -1] == 100


def test_the_same_again_is_found_again_and_in_the_end_it_is_usual():
    values = np.random.default_rng(9).normal(size=(1, 30_000))
    starts = range(1000, 29_000, 1000)
    for start in starts:
        values[0, start : start + 200] = 0.5
    _, evidence = watched(values)
    found = [evidence.stuck[0, start + 10] >= 1 for start in starts]
    assert all(found[:3])
    assert not any(found[-5:])


def spells(rng, idle, busy, samples):
    """Poisson counts in spells, and zeros between them; the lengths in samples, on average."""
    works, now = np.zeros((SERIES, samples), bool), rng.random(SERIES) < 0.5
    for i in range(samples):
        now ^= rng.random(SERIES) < np.where(now, 1 / busy, 1 / idle)
        works[:, i] = now
    return np.where(works, rng.poisson(4, (SERIES, samples)), 0)


@pytest.mark.parametrize(("idle", "busy"), [(60, 60), (300, 60), (600, 20), (600, 200)])
def test_what_is_idle_between_spells_of_work_is_not_stuck_for_long(idle, busy):
    _, evidence = watched(spells(np.random.default_rng(5), idle, busy, 2 * WEEK))
    first, second, later = (evidence.stuck[:, a:b] for a, b in ((0, 1440), (1440, 4320), (4320, 2 * WEEK)))
    assert opened(first) + opened(second) <= 3 * SERIES
    assert opened(later) <= SERIES // 2


def test_where_a_series_rests_is_usual_and_to_stand_still_elsewhere_is_not():
    values = np.random.default_rng(9).normal(size=(1, 8000))
    starts = range(1000, 7000, 1000)
    for start in starts:
        values[0, start : start + 300] = 0.0
    values[0, 7000:7010] = 0.5
    _, evidence = watched(values)
    found = [bool((evidence.stuck[0, start : start + 300] >= 1).any()) for start in starts]
    assert found == [True, True, True, False, False, False]
    assert evidence.stuck[0, 7009] >= 1


GAPS = {
    "none": lambda _, n: np.zeros((SERIES, n), bool),
    "one in a hundred": lambda rng, n: rng.random((SERIES, n)) < 0.01,
    "one in five": lambda rng, n: rng.random((SERIES, n)) < 0.2,
    "most": lambda rng, n: rng.random((SERIES, n)) < 0.7,
    "three of four": lambda _, n: np.broadcast_to(np.arange(n) % 4 != 0, (SERIES, n)),
}


@pytest.mark.parametrize(
    ("name", "within"), [("none", 3), ("one in a hundred", 6), ("one in five", 15), ("most", 56), ("three of four", 25)]
)
def test_irregular_arrival_is_not_absence_and_absence_is_found(name, within):
    rng = np.random.default_rng(10)
    values = np.where(GAPS[name](rng, 2 * WEEK), np.nan, rng.normal(size=(SERIES, 2 * WEEK)))
    memory, evidence = watched(values)
    assert opened(evidence.absent) <= 3
    assert opened(evidence.stuck) == 0
    _, after = watched(np.full((SERIES, 60), np.nan), memory=memory, first=2 * WEEK)
    assert (after.absent[:, within - 1] >= 1).mean() > 0.95


def test_steps_that_were_not_read_are_not_missing():
    memory, _ = watched(np.random.default_rng(11).normal(size=(1, 300)))
    memory, evidence = watched([[0.1]], memory=memory, first=400)
    assert evidence.gap[0, 0] == 0
    _, evidence = watched([[np.nan, np.nan]], memory=memory, first=401)
    assert evidence.gap[0].tolist() == [1, 2]
    assert evidence.absent[0, 1] < 1


def test_a_zero_is_abnormal_where_none_was_and_much_was_expected():
    values = 50 + np.random.default_rng(12).normal(size=(1, 300))
    memory, _ = watched(values)
    _, evidence = watched([[0.0, 0.0, 50.0, 1e-3]], memory=memory, first=300)
    assert (evidence.zeroed[0] >= 1).tolist() == [True, True, False, True]
    assert evidence.zeroed[0, 0] == pytest.approx(302 / 50, rel=0.05)  # none in 300, where one in 50 is rare
    _, evidence = watched([[0.0]], expected=3.0, memory=memory, first=300)
    assert evidence.zeroed[0, 0] < 1


def test_zeros_that_are_usual_are_not_abnormal():
    rng = np.random.default_rng(13)
    values = np.where(rng.random((SERIES, WEEK)) < 0.1, 0.0, 50 + rng.normal(size=(SERIES, WEEK)))
    _, evidence = watched(values)
    assert opened(evidence.zeroed[:, 100:]) == 0


def test_an_outage_does_not_make_the_next_one_normal():
    values = 50 + np.random.default_rng(14).normal(size=(1, 3000))
    values[0, 1000:2000] = 0
    values[0, 2500] = 0
    _, evidence = watched(values)
    assert (evidence.zeroed[0, 1000:2000] >= 1).all()
    assert evidence.zeroed[0, 2500] >= 1


def spiky(days, seed=5):
    """Noise with spikes, one in fifty, far beyond all that is told apart."""
    rng = np.random.default_rng(seed)
    shape = (SERIES, days * 1440)
    return 50 + rng.normal(size=shape) + np.where(rng.random(shape) < 0.02, rng.gamma(2, 20, shape) + 20, 0)


def test_single_spikes_do_not_last():
    _, evidence = watched(spiky(14))
    assert opened(evidence.lasting) <= 3  # in 80 series-weeks


@pytest.mark.parametrize("side", [1, -1])
def test_what_stays_as_far_off_as_spikes_are_is_found(side):
    values = spiky(2)
    values[:, 2000:2010] = 50 + side * 45 + np.random.default_rng(1).normal(size=(SERIES, 10))
    _, evidence = watched(values)
    assert (evidence.lasting[:, 2000:2010].max(axis=1) >= 1).mean() >= 0.95
    assert (evidence.lasting[:, 2000:2003] < 1).all()


def test_a_far_run_to_either_side_in_turn_is_none():
    values = spiky(2)
    values[:, 2000:2040] = 50 + 45 * (-1.0) ** np.arange(40)
    _, evidence = watched(values)
    assert evidence.lasting[:, 2000:2040].max() < 1


def test_what_is_far_off_before_and_after_a_gap_is_not_in_a_row():
    values = spiky(2)
    values[:, 2000:2003], values[:, 2003:2500], values[:, 2500:2503] = 95, np.nan, 95
    values[:, 2503:2600] = 50
    _, whole = watched(values)
    assert whole.lasting[:, 2500:2503].max() < 1
    memory, _ = watched(values[:, :2003])
    _, later = watched(values[:, 2500:], memory=memory, first=2500)
    assert later.lasting[:, :3].max() < 1


def test_spells_that_come_again_and_again_are_usual():
    values = spiky(7)
    for start in range(500, values.shape[1], 200):
        values[:, start : start + 20] = 95
    _, evidence = watched(values)
    assert (evidence.lasting[:, :1440] >= 1).any(axis=1).all()
    assert (evidence.lasting[:, -1440:] < 1).all()


def test_too_few_samples_say_nothing():
    _, evidence = watched(np.full((3, 500), np.nan))
    assert not any(np.any(column) for column in (evidence.stuck, evidence.absent, evidence.zeroed))
    _, evidence = watched([[1.0, 2.0, *[np.nan] * 50]])
    assert (evidence.absent < 1).all()
