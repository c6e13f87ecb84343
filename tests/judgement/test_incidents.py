"""What kind an incident is, when it began and ended; judged by the plain judge of `made`."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.judgement import incidents
from sentio.judgement.kinds import Kind
from sentio.judgement.sentence import sentence
from tests.judgement import made
from tests.judgement.alone import watch
from tests.judgement.grid import STEP, times
from tests.judgement.made import BEFORE, SCALES, Run, happens


def sizes(noise):
    """``[S, 1]`` the scale of each series that `happens` makes."""
    return np.repeat(np.array(SCALES), len(noise) // 3)[:, None]


def spike(height):
    def what(expected, noise, _rng):
        values = expected + noise
        values[:, :1] += height * sizes(noise)
        return values

    return what


def level(height):
    return lambda expected, noise, _rng: expected + noise + height * sizes(noise)


def ramp(slope):
    return lambda expected, noise, _rng: expected + noise + slope * sizes(noise) * np.arange(1, noise.shape[1] + 1)


def spread(times_):
    return lambda expected, noise, _rng: expected + times_ * noise


def stands_still(expected, noise, _rng):
    return np.repeat((expected + noise)[:, :1], noise.shape[1], axis=1)


def stands_elsewhere(expected, _noise, _rng):
    return 0 * expected + 180


def zero(expected, _noise, _rng):
    return 0 * expected


def missing(expected, _noise, _rng):
    return np.nan * expected


CASES = {
    "spike": (spike(8), Kind.SPIKE, 1),
    "high spike": (spike(1000), Kind.SPIKE, 1),
    "dip": (spike(-8), Kind.DIP, 1),
    "step": (level(7), Kind.LEVEL_SHIFT, 5),
    "step down": (level(-9), Kind.LEVEL_SHIFT, 5),
    "far step": (level(100), Kind.LEVEL_SHIFT, 5),
    "half as much again": (lambda e, n, _: 1.5 * (e + n), Kind.LEVEL_SHIFT, 5),
    "slow drift": (ramp(0.3), Kind.TREND_BREAK, 30),
    "drift": (ramp(0.5), Kind.TREND_BREAK, 20),
    "fast drift down": (ramp(-1), Kind.TREND_BREAK, 20),
    "wider": (spread(5), Kind.VARIANCE_CHANGE, 20),
    "much wider": (spread(10), Kind.VARIANCE_CHANGE, 20),
    "stands still": (stands_still, Kind.FLATLINE, 5),
    "stands still elsewhere": (stands_elsewhere, Kind.FLATLINE, 5),
    "zero": (zero, Kind.DROP_TO_ZERO, 1),
    "zero for longer": (zero, Kind.DROP_TO_ZERO, 40),
    "missing": (missing, Kind.MISSING, 3),
    "missing for longer": (missing, Kind.MISSING, 40),
}


def rightly(run: Run, kind: Kind, after: int) -> float:
    return float((run.incidents.kind[:, BEFORE + after - 1] == kind).mean())


def onset_errors(run: Run, after: int, kind: Kind):
    """Steps by which the onset is late, of the series of the right kind."""
    at = BEFORE + after - 1
    late = (run.incidents.onset[:, at] - times(1, BEFORE)[0]) / STEP
    return late[run.incidents.kind[:, at] == kind]


@pytest.mark.parametrize("case", CASES)
def test_the_kind_is_right_in_19_of_20_cases(case):
    what, kind, after = CASES[case]
    run = happens(what, max(after, 10), series=300)
    assert rightly(run, kind, after) >= 0.95


@pytest.mark.parametrize("case", [c for c in CASES if "drift" not in c])
def test_the_onset_is_within_two_samples(case):
    what, kind, after = CASES[case]
    run = happens(what, max(after, 10), series=300)
    assert (np.abs(onset_errors(run, after, kind)) <= 2).mean() >= 0.9


@pytest.mark.parametrize("slope", [0.5, -1.0])
def test_a_drift_began_before_it_could_be_seen(slope):
    run = happens(ramp(slope), 100, series=300)
    for after in (40, 100):  # the second when the onset is no longer among the samples that are kept
        errors = onset_errors(run, after, Kind.TREND_BREAK)
        assert len(errors) >= 285
        assert (np.abs(errors) <= 2).mean() >= 0.9


def bump(samples, at, width=4.0):
    return 100 + 60 * np.exp(-0.5 * ((np.arange(samples) - at) / width) ** 2)


@pytest.mark.parametrize(("lag", "kind"), [(10, Kind.LATE_PATTERN), (5, Kind.LATE_PATTERN), (-10, Kind.EARLY_PATTERN)])
def test_the_shape_at_another_time_is_known_as_it(lag, kind):
    samples, at = BEFORE + 60, BEFORE + 15 + max(-lag, 0)
    shifted = bump(samples, at + lag)[BEFORE:]
    run = happens(lambda _, n, __: shifted + n, 60, series=300, expected=bump(samples, at))
    # The bump begins some 5 samples after `BEFORE`.
    assert rightly(run, kind, 25) >= 0.95
    assert rightly(run, kind, 60) >= 0.95
    assert (np.abs(run.incidents.lag[:, -1] - lag) <= 1).mean() >= 0.95


def test_a_longer_incident_keeps_its_kind_and_onset():
    run = happens(level(10), 300)
    assert (run.incidents.kind[:, BEFORE + 5 :] == Kind.LEVEL_SHIFT).mean() > 0.99
    assert (np.abs(onset_errors(run, 300, Kind.LEVEL_SHIFT)) <= 2).mean() >= 0.95
    np.testing.assert_allclose(run.incidents.size[:, -1] / sizes(run.incidents.size)[:, 0], 10, atol=0.5)
    run = happens(spread(12), 300)
    assert rightly(run, Kind.VARIANCE_CHANGE, 300) >= 0.95


def test_a_level_that_moves_with_the_day_stays_a_level_shift():
    run = happens(lambda e, n, _: 1.5 * e + n, 150, day=96)
    assert (run.incidents.kind[:, BEFORE + 5 :] == Kind.LEVEL_SHIFT).mean() > 0.98


def slowly(noise):
    """Noise like its neighbours: a correlation of 0.7."""
    slow = noise.copy()
    for i in range(1, slow.shape[1]):
        slow[:, i] = 0.7 * slow[:, i - 1] + np.sqrt(0.51) * noise[:, i]
    return slow


def test_slow_noise_is_not_taken_for_a_drift():
    run = happens(lambda e, n, _: e + slowly(n) + 8 * sizes(n), 120, series=300)
    assert (run.incidents.kind[:, BEFORE + 5 :] == Kind.LEVEL_SHIFT).mean() > 0.98
    run = happens(lambda e, n, _: e + slowly(n) + 0.7 * sizes(n) * np.arange(1, 61), 60, series=300)
    assert rightly(run, Kind.TREND_BREAK, 25) >= 0.95


def test_far_spikes_to_one_side_are_no_spread():
    values, expected, scale = noisy(60)
    at = np.arange(60) % 12 == 0
    values[0, at] += 20
    assert set(np.unique(flagged(values, expected, scale, at).kind)) == {int(Kind.SPIKE)}


def test_a_spread_that_has_narrowed():
    expected, scale = np.full((20, 60), 50.0), np.ones((20, 60))
    values = expected + 0.2 * np.random.default_rng(3).normal(size=expected.shape)
    run = flagged(values, expected, scale, np.arange(60) >= 20)
    assert (run.kind[:, -1] == Kind.VARIANCE_CHANGE).all()
    assert (run.spread[:, -1] < 0.3).all()


def flagged(values, expected, scale, flags):
    """The incidents where a judge has flagged these samples."""
    at = times(values.shape[1])
    memory = incidents.blank(len(values))
    learned, evidence = watch(memory, at, STEP, values, expected, scale)
    anomalous = np.broadcast_to(np.asarray(flags, float), values.shape)
    samples = incidents.Samples(values, expected, scale, anomalous, 2 * anomalous)
    return incidents.follow({**memory, **learned}, at, STEP, samples, evidence)[1]


def noisy(samples, seed=0):
    expected, scale = np.full((1, samples), 50.0), np.ones((1, samples))
    return expected + np.random.default_rng(seed).uniform(-1, 1, size=expected.shape), expected, scale


def test_short_breaks_do_not_split_an_incident_and_five_calm_samples_end_it():
    values, expected, scale = noisy(40)
    values[0, [10, 15, 21]] += 20
    found = flagged(values, expected, scale, np.isin(np.arange(40), [10, 15, 21]))
    assert found.open[0, 10:20].all()  # 15 comes after four calm samples
    assert not found.open[0, 20]  # 21 after five
    assert found.open[0, 21:26].all()
    assert not found.open[0, 26:].any()
    assert found.onset[0, 14:21].tolist() == [times(1, 10)[0]] * 7
    assert found.end[0, 20] == times(1, 15)[0]
    assert found.duration(STEP)[0, [9, 10, 20, 39]].tolist() == [0, STEP, 6 * STEP, STEP]
    assert found.samples[0, [10, 20, 39]].tolist() == [1, 6, 1]


def test_missing_samples_do_not_close_it():
    values, expected, scale = noisy(40)
    values[0, 10] += 20
    values[0, 12:30] = np.nan
    found = flagged(values, expected, scale, np.arange(40) == 10)
    assert found.open[0, 10:33].all()
    assert not found.open[0, 34]


@pytest.mark.parametrize("still", [True, False])
@pytest.mark.parametrize("what", [20.0, np.nan])
@pytest.mark.parametrize("back", [1, 3, 30])
def test_none_lasts_less_than_nothing_after_a_clock_that_was_set_back(what, back, still):
    """The clock is set back by so many steps while an incident goes on, which is over by then where not ``still``."""
    values, expected, scale = noisy(50 + 20)
    odd = np.arange(70) >= 45
    odd[50:] = still
    values[0, odd] += what
    at = np.concatenate([times(50), times(20, 50 - back)])
    parts = [found for _, found in seen(at, values, expected, scale, odd)]
    for now, found in zip(at, parts, strict=True):
        assert found.onset[0, 0] <= found.end[0, 0] <= now
        assert found.duration(STEP)[0, 0] >= (STEP if found.kind[0, 0] else 0)
    assert parts[-1].open[0, 0] == still
    assert not still or parts[-1].duration(STEP)[0, 0] >= 20 * STEP


def test_a_gap_that_is_told_of_after_a_clock_was_set_back_began_no_later_than_that():
    values, expected, scale = noisy(54)
    values[0, 48:] = np.nan
    at = np.concatenate([times(50), times(4, 20)])
    told = list(seen(at, values, expected, scale, np.arange(54) >= 52))
    assert told[-1][1].kind[0, 0] == Kind.MISSING
    assert told[-1][1].onset[0, 0] <= at[52]
    assert told[-1][1].duration(STEP)[0, 0] >= STEP


def seen(at, values, expected, scale, flags):
    """The memory and the incidents after each sample, where a judge has flagged these."""
    memory = incidents.blank(len(values))
    for j in range(len(at)):
        one = values[:, j : j + 1], expected[:, j : j + 1], scale[:, j : j + 1]
        learned, evidence = watch(memory, at[j : j + 1], STEP, *one)
        anomalous = np.broadcast_to(np.asarray(flags, float), values.shape)[:, j : j + 1]
        samples = incidents.Samples(*one, anomalous, 2 * anomalous)
        memory, found = incidents.follow({**memory, **learned}, at[j : j + 1], STEP, samples, evidence)
        yield memory, found


def test_what_has_closed_does_not_change():
    values, expected, scale = noisy(60)
    values[0, 10:20] += 20
    found = flagged(values, expected, scale, (np.arange(60) >= 10) & (np.arange(60) < 20))
    for name, column in zip(found._fields, found, strict=True):
        if name != "open":
            np.testing.assert_array_equal(column[0, 24:], column[0, 24], err_msg=name)
    assert found.kind[0, -1] == Kind.LEVEL_SHIFT


def test_size_percent_and_peak():
    values, expected, scale = noisy(30)
    values[0, 10:20] = 75
    values[0, 15] = 90
    found = flagged(values, expected, scale, (np.arange(30) >= 10) & (np.arange(30) < 20))
    assert found.size[0, -1] == pytest.approx(26.5)
    assert found.percent[0, -1] == pytest.approx(53)
    assert found.peak[0, -1] == 40
    assert found.score[0, -1] == 2
    assert found.level[0, -1] == 75
    values[0, 10:20] = 50
    values[0, 12] = 20
    found = flagged(values, expected, scale, np.arange(30) == 12)
    assert found.kind[0, -1] == Kind.DIP
    assert found.size[0, -1] == found.peak[0, -1] == -30


def test_there_is_no_percentage_of_nothing():
    values, expected, scale = noisy(30)
    found = flagged(values + 20 - 50, 0 * expected, scale, np.arange(30) >= 10)
    assert np.isnan(found.percent[0, -1])
    assert found.size[0, -1] == pytest.approx(20, abs=1)


def test_ordinary_noise_has_hardly_an_incident():
    run = happens(lambda e, n, _: e + n, 2000, series=300)
    opened = (np.diff(run.incidents.open.astype(int), axis=1) == 1).sum()
    assert opened < 3 * 300 * 2400 * 6.4e-5  # the share of normal noise beyond four scales


def test_a_series_back_after_it_was_missing():
    run = happens(lambda e, n, _: np.where(np.arange(40) < 12, np.nan, e + n), 40)
    assert (run.incidents.kind[:, -1] == Kind.MISSING).mean() > 0.95
    shut = ~run.incidents.open[:, -1]
    assert shut.mean() > 0.95
    np.testing.assert_array_equal(run.incidents.run[shut, BEFORE + 18], 12)


@pytest.mark.parametrize("back", [50.0, 90.0])
def test_a_series_that_is_back_is_not_said_to_be_missing(back):
    """With a sample that is as strange as its absence was, either."""
    values, expected, scale = noisy(40)
    values[0, 10:20], values[0, 20] = np.nan, back
    found = flagged(values, expected, scale, (np.arange(40) >= 13) & (np.arange(40) <= 20 - (back == 50)))
    said = [sentence(found, 0, column, step=STEP, now=int(times(1, column)[0])) for column in (19, 20)]
    assert found.open[0, 20]
    assert said[0].startswith("Stopped arriving")
    assert said[1].startswith("Did not arrive from")
    assert said[1].endswith("for 10 min; usually none is missing.")


def test_words():
    assert [kind.word for kind in Kind] == [
        "none",
        "spike",
        "dip",
        "level_shift",
        "trend_break",
        "variance_change",
        "flatline",
        "drop_to_zero",
        "missing",
        "early_pattern",
        "late_pattern",
    ]


def test_the_large_numbers_of_a_series_do_not_hide_its_deviations():
    """What is kept in single precision are differences."""
    expected = np.full((1, 60), 1.7e12)
    scale = np.full((1, 60), 3.0)
    values = expected + np.random.default_rng(1).normal(size=expected.shape) * 3
    values[0, 40:] += 30
    run = made.judged(made.incidents.blank(1), 0, values, expected, scale)
    assert run.incidents.kind[0, -1] == Kind.LEVEL_SHIFT
    assert run.incidents.size[0, -1] == pytest.approx(30, abs=3)


@pytest.mark.parametrize(
    ("becomes", "kind", "percent"),
    [(0.0, Kind.DROP_TO_ZERO, -100), (np.nan, Kind.MISSING, np.nan), (150.5, Kind.FLATLINE, None)],
)
def test_what_needs_no_shape_begins_within_an_incident_where_it_does(becomes, kind, percent):
    lasted, after = 25, 12

    def change(expected, noise, _rng):
        values = expected + noise + 60
        values[:, lasted:] = becomes
        return values

    found = happens(change, lasted + after).incidents
    began = times(BEFORE + lasted + 1)[-1]
    assert (found.kind[:, BEFORE + lasted - 1] == Kind.LEVEL_SHIFT).mean() > 0.8
    assert (found.kind[:, -1] == kind).all()
    assert (found.onset[:, -1] == began).all()
    assert (found.duration(STEP)[:, -1] == after * STEP).all()
    if percent is not None:
        np.testing.assert_allclose(found.percent[:, -1], percent, rtol=0.01)


def test_what_is_below_after_it_was_above_is_another_incident():
    """An outage, and what comes all at once after it: what is said has to be true of now."""
    lasted, after = 25, 8

    def change(expected, noise, _rng):
        aside = np.where(np.arange(noise.shape[1]) < lasted, -20, 15)
        return expected + noise + aside * sizes(noise)

    found = happens(change, lasted + after).incidents
    began = times(BEFORE + lasted + 1)[-1]
    assert (found.kind[:, BEFORE + lasted - 1] == Kind.LEVEL_SHIFT).mean() > 0.8
    assert (found.size[:, BEFORE + lasted - 1] < 0).all()
    right = (found.onset[:, -1] == began) & (found.size[:, -1] > 0) & (found.kind[:, -1] == Kind.LEVEL_SHIFT)
    assert right.mean() > 0.9
    assert (found.size[:, BEFORE + lasted + 1] < 0).all()  # A sample or two may be noise that was added.


def test_what_is_off_for_longer_than_it_was_missing_is_another_incident():
    lasted, after = 12, 20

    def change(expected, noise, _rng):
        values = expected + noise + 20 * sizes(noise)
        values[:, :lasted] = np.nan
        return values

    found = happens(change, lasted + after).incidents
    back = times(BEFORE + lasted + 1)[-1]
    assert (found.kind[:, BEFORE + lasted - 1] == Kind.MISSING).all()
    assert (found.onset[:, BEFORE + lasted + 3] < back).all()
    right = (found.onset[:, -1] == back) & (found.kind[:, -1] == Kind.LEVEL_SHIFT)
    assert right.mean() > 0.9
    assert (found.duration(STEP)[right, -1] == after * STEP).all()
