"""What was anomalous is not learned from after a restart either."""

from __future__ import annotations

import itertools

import numpy as np

from sentio.flagged import Flagged
from sentio.runner import Tick
from sentio.state import State
from sentio.types import ANOMALY, SeriesKey
from tests.core.test_beginning import SERIES, Judging
from tests.core.test_runner import HOUR, STEP

A, B, C = (SeriesKey("m", (("i", i),)) for i in "abc")
LENGTH = 1000
TIMES = np.arange(0, 400)


def told(flagged: Flagged, keys, odd) -> None:
    """In ticks of one time, and of several."""
    cuts = [0, 1, 2, 50, 51, odd.shape[1]]
    for start, end in itertools.pairwise(cuts):
        flagged.add(keys, TIMES[start:end], odd[:, start:end])


def test_samples_of_the_spans_are_left_out_and_no_others():
    odd = np.zeros((2, 400), bool)
    odd[0, 49:60] = odd[0, [62, 100, 399]] = odd[1, 0] = True
    flagged = Flagged(1, LENGTH)
    told(flagged, (A, B), odd)
    expected = odd.copy()
    expected[0, 60:62] = True  # too short to be anything of its own
    np.testing.assert_array_equal(flagged.mask((A, B), TIMES), expected)
    np.testing.assert_array_equal(
        flagged.mask((B, C, A), TIMES[::2]), np.array([expected[1], odd[0] & False, expected[0]])[:, ::2]
    )


def test_of_many_spans_the_newest_are_known_and_of_series_those_that_had_one_lately():
    odd = np.zeros((2, 400), bool)
    odd[0, ::20] = odd[1, 3] = True
    flagged = Flagged(1, LENGTH)
    told(flagged, (A, B), odd)
    assert np.flatnonzero(flagged.mask((A,), TIMES)[0]).tolist() == list(range(80, 400, 20))
    flagged.add((C, A), np.array([1200]), np.array([[True], [False]]))
    assert flagged._kept[0] == (A, C)
    flagged.add((C,), np.array([2000]), np.array([[True]]))
    assert flagged._kept[0] == (C,)


def test_what_is_told_to_be_gone_is_forgotten():
    odd = np.zeros((2, 400), bool)
    odd[:, ::20] = True
    flagged = Flagged(1, LENGTH)
    told(flagged, (A, B), odd)
    before = flagged.mask((B,), TIMES)
    flagged.keep((C, B))
    assert flagged._kept[0] == (B,)
    assert not flagged.mask((A,), TIMES).any()
    np.testing.assert_array_equal(flagged.mask((B,), TIMES), before)


def test_it_is_the_same_after_a_restart_and_nothing_where_it_is_of_another_version():
    odd = np.zeros((2, 400), bool)
    odd[0, ::20] = True
    flagged, again = Flagged(1, LENGTH), Flagged(1, LENGTH)
    told(flagged, (A, B), odd)
    saved = flagged.onto((C, B, A))
    again.restore((C, B, A), saved)
    assert again._kept[0] == (A,)
    np.testing.assert_array_equal(again.mask((A, B), TIMES), flagged.mask((A, B), TIMES))
    for other in (None, saved[:, :3]):
        fresh = Flagged(1, LENGTH)
        fresh.restore((C, B, A), other)
        assert not fresh.mask((A, B, C), TIMES).any()


def test_a_training_after_a_restart_learns_from_what_the_one_before_it_did():
    house = Judging()
    house.score(0)
    house.train()
    usual = house.source.bump
    begun = house.now + STEP
    house.source.bump = {**usual, SERIES[3]: usual[SERIES[3]] + 1000.0}
    for _ in range(8):
        report = house.score()
        assert (report.scores.outputs[ANOMALY][3] == 1).all()
    ended, read = house.now, house.source.read
    house.source.bump = usual

    def as_it_was(query, window):
        panel = read(query, window)
        then = (panel.times >= begun) & (panel.times <= ended)
        panel.values[3, then] += 1000.0
        return panel

    house.source.read = as_it_was
    house.score()
    before, saved = house.runner, State.from_arrays(house.runner.snapshot().to_arrays())
    house.runner = house.another()
    house.runner.restore(saved, house.now)
    house.now += HOUR
    for runner in (before, house.runner):
        runner.train(house.now, Tick())
    (old, out), (new, again) = (
        r._learning.histories.whole.with_left_out(SERIES, house.now) for r in (before, house.runner)
    )
    then = (old.times >= begun) & (old.times <= ended)
    assert out[3, then].all()
    assert out.sum() == out[3].sum() < 12
    np.testing.assert_array_equal(again, out)
    np.testing.assert_array_equal(new.values, old.values)
