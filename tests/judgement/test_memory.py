"""State in, state out: any cut in time, any order of series, any restart, and whatever numbers come."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentio.judgement import incidents
from sentio.judgement.kinds import Kind
from sentio.judgement.memory import LENGTH, noise_at
from sentio.state import State
from sentio.types import SeriesKey
from tests.judgement.grid import STEP, times
from tests.judgement.made import judged
from tests.same import assert_same_arrays

SAMPLES = 160


def keys(number, name="m"):
    return tuple(SeriesKey(name, (("i", str(i)),)) for i in range(number))


def eventful(seed, series=6):
    """Values with jumps, drifts, gaps, runs, zeros and what comes late or early in them, what was expected, and the
    scale."""
    rng = np.random.default_rng(seed)
    shape = (series, SAMPLES)
    expected = 50 + 10 * np.sin(np.arange(SAMPLES) / 9) * np.ones(shape)
    values = expected + rng.normal(size=shape)
    for row in values:
        for kind in rng.integers(0, 8, size=3):
            start, length = rng.integers(30, SAMPLES), rng.integers(1, 40)
            part = row[start : start + length]
            steps = np.arange(len(part))
            late, early = (np.roll(expected[0], by)[start : start + length] for by in (8, -8))
            noise = rng.normal(size=len(part))
            part[:] = (
                part + 9, part + 0.7 * steps, np.nan * part, 0 * part + 44, 0 * part, part * (-1.0) ** steps,
                late + noise, early + noise,
            )[kind]  # fmt: skip
    return values, expected, np.ones(shape)


def assert_same(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@given(st.integers(0, 10_000), st.lists(st.integers(0, SAMPLES), max_size=6))
@settings(max_examples=40, deadline=None)
def test_in_pieces_is_at_once(seed, cuts):
    made = eventful(seed)
    whole = judged(incidents.blank(6), 0, *made)
    memory, parts = incidents.blank(6), []
    edges = [0, *sorted(cuts), SAMPLES]
    for first, last in itertools.pairwise(edges):
        part = judged(memory, first, *(a[:, first:last] for a in made))
        parts.append(part)
        memory = dict(State.from_arrays(State(keys(6), part.memory).to_arrays()).arrays)
    assert_same_arrays(memory, whole.memory)
    together = [np.concatenate(columns, axis=1) for columns in zip(*(p.incidents for p in parts), strict=True)]
    assert_same(together, whole.incidents)
    np.testing.assert_array_equal(np.concatenate([p.evidence for p in parts], axis=1), whole.evidence)


def test_all_kinds_of_incident_are_among_them():
    seen = {
        Kind(int(k))
        for seed in range(40)
        for k in np.unique(judged(incidents.blank(6), 0, *eventful(seed)).incidents.kind)
    }
    assert seen == set(Kind)


def test_the_order_of_series_does_not_matter():
    made, turned = eventful(3), np.array([4, 0, 5, 3, 1, 2])
    straight = judged(incidents.blank(6), 0, *made)
    crossed = judged(incidents.blank(6), 0, *(a[turned] for a in made))
    assert_same(crossed.incidents, [a[turned] for a in straight.incidents])


def test_series_come_and_go():
    made = eventful(4)
    half = 80
    whole = judged(incidents.blank(6), 0, *made)
    before = judged(incidents.blank(4), 0, *(a[:4, :half] for a in made))
    state = State(keys(6)[:4], before.memory).select(np.array([1, 3]))
    state = state.merge(State(keys(1, "new"), incidents.blank(1)))
    rows = [1, 3, 5]
    after = judged(dict(state.arrays), half, *(a[rows, half:] for a in made))
    for found, expected in zip(after.incidents, whole.incidents, strict=True):
        np.testing.assert_array_equal(found[:2], expected[[1, 3], half:])
    alone = judged(incidents.blank(1), half, *(a[5:, half:] for a in made))
    assert_same([a[2:] for a in after.incidents], alone.incidents)


def test_the_memory_that_is_given_stays_as_it_is():
    made = eventful(5)
    memory = judged(incidents.blank(6), 0, *(a[:, :100] for a in made)).memory
    before = {name: array.copy() for name, array in memory.items()}
    judged(memory, 100, *(a[:, 100:] for a in made))
    assert_same_arrays(memory, before)


def test_blank_memory_is_small_and_of_plain_numbers():
    memory = incidents.blank(1000)
    assert sum(a.nbytes for a in memory.values()) <= 1280 * 1000
    assert all(len(a) == 1000 for a in memory.values())
    assert all(kind.base.kind in "ifu" for a in memory.values() for kind, *_ in a.dtype.fields.values())
    assert not incidents.blank(0)["incident"].size


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_the_noise_of_each_step_is_known_to_two_percent(size):
    rng = np.random.default_rng(7)
    expected, scale = np.zeros((3, SAMPLES)), size * rng.uniform(0.3, 12, (3, SAMPLES))
    memory = judged(incidents.blank(3), 0, scale * rng.normal(size=scale.shape), expected, scale).memory
    kept = memory["incident"]
    slots = times(SAMPLES)[-LENGTH:] // STEP % LENGTH
    for s in range(3):
        known = [noise_at(s, int(at), kept) for at in slots]
        np.testing.assert_allclose(known, scale[s, -LENGTH:], rtol=0.02)


def test_no_series_and_no_times():
    none = np.empty((0, 3))
    assert judged(incidents.blank(0), 0, none, none, none).incidents.kind.shape == (0, 3)
    no_time = np.empty((2, 0))
    assert judged(incidents.blank(2), 0, no_time, no_time, no_time).incidents.kind.shape == (2, 0)


def assert_finite(run):
    for name, column in run.incidents._asdict().items():
        assert not np.isinf(column).any(), name
    for array in (run.evidence, *run.memory.values()):
        for field in array.dtype.names or ():
            assert not np.isinf(array[field]).any(), field


def test_nan_everywhere_is_harmless():
    made = eventful(6)
    for bad in range(3):
        arrays = [a.copy() for a in made]
        arrays[bad][:3] = np.nan
        run = judged(incidents.blank(6), 0, *arrays)
        assert_finite(run)
        assert_same([a[3:] for a in run.incidents], [a[3:] for a in judged(incidents.blank(6), 0, *made).incidents])
    nothing = [np.full((6, SAMPLES), np.nan)] * 3
    run = judged(incidents.blank(6), 0, *nothing)
    assert not run.incidents.open.any()
    assert not run.incidents.kind.any()


@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, SAMPLES - 1)), max_size=8),
    st.sampled_from([1e308, -1e308, 1e-308, 5e-324, np.inf, np.nan, 0.0]),
)
@settings(max_examples=80, deadline=None)
def test_extreme_numbers_are_harmless(seed, places, extreme):
    made = eventful(seed)
    for which, row, column in places:
        made[which][row, column] = extreme
    assert_finite(judged(incidents.blank(6), 0, *made))


def test_a_series_of_extreme_numbers():
    shape = (2, 80)
    values = np.where(np.arange(80) % 2, 1e308, -1e308) * np.ones(shape)
    for scale in (1e308, 1.0, 1e-308):
        for expected in (1e308, 0.0):
            assert_finite(judged(incidents.blank(2), 0, values, np.full(shape, expected), np.full(shape, scale)))
