"""How often a series is told of for evidence alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentio.judgement.budget import LASTING, blank
from sentio.types import SECOND, Array, Floats
from tests.judgement.alone import tell
from tests.same import assert_same_arrays

STEP = 300 * SECOND
DAY = 288
WEEKLY = 1 / 7


def told(
    found: Floats, a_day: float = WEEKLY, memory: dict[str, Array] | None = None
) -> tuple[dict[str, Array], Floats]:
    memory = blank(len(found)) if memory is None else memory
    return tell(memory, STEP, a_day, found)


def found_at(episodes: dict[float, float], days: int, lasts: int = 3) -> Floats:
    """Of one series: evidence of so much from these days on, for ``lasts`` samples."""
    found = np.zeros((1, days * DAY))
    for day, much in episodes.items():
        found[0, round(day * DAY) : round(day * DAY) + lasts] = much
    return found


def which(episodes: dict[float, float], days: int, a_day: float = WEEKLY) -> list[float]:
    _, out = told(found_at(episodes, days), a_day)
    return [day for day in episodes if np.isfinite(out[0, round(day * DAY)])]


def test_on_a_quiet_series_the_first_is_told_at_once_and_again_a_day_and_a_week_later():
    assert which({10: 1.0, 11: 1.0, 18: 1.0}, 20) == [10, 11, 18]


def test_so_it_is_on_a_series_of_which_nothing_is_known():
    assert which({0: 1.0}, 1) == [0]


def test_what_has_spent_its_budget_needs_four_times_as_much():
    assert which({10: 1.0, 10.5: 1.0, 11: 1.9, 12: 1.9, 13: 4.0}, 20) == [10, 10.5, 13]


def test_time_brings_it_back():
    assert which({10: 1.0, 10.5: 1.0, 12: 1.9, 18: 1.0}, 20) == [10, 10.5, 18]


def test_no_series_is_silenced():
    often = {10 + i / 4: 4.0 for i in range(40)}
    assert which(often, 30) == list(often)


@pytest.mark.parametrize("a_day", [WEEKLY, 1.0, 3.0])
def test_what_recurs_all_the_time_is_told_of_as_often_as_is_asked_for(a_day):
    often = {i / 8: 1.01 for i in range(8 * 56)}
    assert len(which(often, 57, a_day)) == pytest.approx(56 * a_day, rel=0.1, abs=2)


def test_an_episode_that_has_begun_lasts_as_long_as_its_evidence():
    found = found_at({10: 1.0, 10.5: 1.0}, 12)
    found[0, 11 * DAY : 11 * DAY + 60] = np.linspace(1, 8, 60)
    found[0, 11 * DAY + 65 : 11 * DAY + 70] = 3.9
    _, out = told(found)
    lasting = np.isfinite(out[0, 11 * DAY :])
    begins = int(np.argmax(lasting))
    assert found[0, 11 * DAY + begins] == pytest.approx(3.5, rel=0.2)
    assert lasting[begins:60].all()
    assert lasting[65:70].all()
    assert not lasting[70:].any()


def test_what_is_told_is_the_evidence_in_decades():
    _, out = told(np.array([[0.0, 0.99, 1.0, 10.0, 100.0]]))
    np.testing.assert_allclose(out, [[np.nan, np.nan, 0, 1, 2]])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 999), max_size=4), st.integers(0, 10_000))
def test_pieces_are_the_whole(cuts, seed):
    rng = np.random.default_rng(seed)
    found = np.where(rng.random((3, 1000)) < 0.05, np.exp(rng.normal(size=(3, 1000))), 0.0)
    end, whole = told(found)
    memory, parts = blank(3), []
    for a, b in pairwise([0, *sorted(set(cuts)), 1000]):
        memory, part = told(found[:, a:b], memory=memory)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert_same_arrays(memory, end)


def test_the_memory_that_is_given_stays_as_it_is():
    memory = blank(1)
    told(found_at({0: 2.0}, 1), memory=memory)
    assert_same_arrays(memory, blank(1))


def test_what_lasts_has_a_budget_of_its_own():
    found, none = found_at({10: 1.0, 10.5: 1.0, 11: 1.9, 13: 4.0}, 14), np.zeros((1, 14 * DAY))
    memory, stuck = tell(blank(1), STEP, WEEKLY, found)
    memory, lasting = tell(memory, STEP, WEEKLY, found, LASTING)
    np.testing.assert_array_equal(stuck, lasting)
    assert np.isfinite(lasting).any()
    _, after = tell(tell(blank(1), STEP, WEEKLY, found, LASTING)[0], STEP, WEEKLY, none + 1.0)
    assert np.isfinite(after).all()
