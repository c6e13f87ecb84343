"""The simulated containers: the same numbers whenever asked, calm outside of faults, plain inside."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.demo.faults import FIRST, LASTS, Faults
from sentio.demo.history import LENGTH, STEP, history
from sentio.demo.simulator import CPU, MEMORY, Simulator
from sentio.types import SECOND, SeriesKey

START = 1_760_000_123 * SECOND
EVERY = 180 * SECOND
DAY = 86_400 * SECOND


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(START, EVERY, seed=3)


def test_the_series_are_those_of_telegraf(simulator: Simulator) -> None:
    assert len(simulator.keys) == 12
    assert simulator.keys[0] == SeriesKey.of({"__name__": CPU, "container_name": "workload", "engine_host": "demo"})
    assert {key.name for key in simulator.keys} == {CPU, MEMORY}
    assert (CPU, MEMORY) == ("docker_container_cpu_usage_percent", "docker_container_mem_usage")


def test_a_value_does_not_depend_on_what_else_is_asked(simulator: Simulator) -> None:
    times = START + np.arange(-500, 5000) * 7 * SECOND // 3
    whole = simulator.values(times)
    some = np.array([17, 900, 901, 4000])
    assert np.array_equal(simulator.values(times[some]), whole[:, some])
    assert np.array_equal(Simulator(START, EVERY, seed=3).values(times), whole)
    assert np.array_equal(simulator.values(times // 1_000_000 * 1_000_000 + 999_999)[:, 0], whole[:, 0])
    assert not np.array_equal(Simulator(START, EVERY, seed=4).values(times), whole)


def test_memory_counts_whole_bytes_and_nothing_is_negative(simulator: Simulator) -> None:
    values = simulator.values(START + np.arange(-20_000, 20_000) * 15 * SECOND)
    assert np.array_equal(values[6:], np.round(values[6:]))
    assert (values > 0).all()


def test_normal_noise_is_gaussian_white_and_independent_between_series(simulator: Simulator) -> None:
    times = START - np.arange(40_000, 0, -1) * 15 * SECOND
    noise = (simulator.values(times) - simulator.expected(times)) / simulator.sigma()[:, None]
    outside = np.mean(np.abs(noise) > 2.5758, axis=1)
    assert ((outside > 0.008) & (outside < 0.012)).all()
    assert np.abs(noise.mean(axis=1)).max() < 0.02
    assert np.abs(noise.std(axis=1) - 1).max() < 0.015
    assert np.abs(np.mean(noise**3, axis=1)).max() < 0.06
    assert np.abs(np.mean(noise[:, 1:] * noise[:, :-1], axis=1)).max() < 0.02
    assert np.abs(np.corrcoef(noise) - np.eye(12)).max() < 0.02


def test_the_shape_is_daily_and_weekly(simulator: Simulator) -> None:
    times = START + np.arange(7 * 24 * 4) * 900 * SECOND
    expected = simulator.expected(times)
    low, high = simulator.extremes()
    assert (expected >= low[:, None] - 1e-9 * high[:, None]).all()
    assert (expected <= high[:, None] * (1 + 1e-9)).all()
    assert np.allclose(simulator.expected(times + 7 * DAY), expected)
    assert (np.abs(simulator.expected(times + DAY) - expected).max(axis=1) > simulator.sigma()).all()
    by_day = expected.reshape(12, 7, 96)
    assert (np.ptp(by_day, axis=2).min(axis=1) > 8 * simulator.sigma()).all()
    wednesday = np.datetime64("2025-11-19T12:00", "ns").astype(np.int64)
    sunday = wednesday + 4 * DAY
    assert (simulator.expected(np.array([wednesday])) > simulator.expected(np.array([sunday]))).all()


def test_a_fault_is_outside_whatever_is_normal_at_any_time(simulator: Simulator) -> None:
    times = START + np.arange(0, 14 * DAY, 11 * SECOND)
    values, truth = simulator.values(times), np.tile(simulator.truth(times), (2, 1))
    low, high = simulator.extremes()
    sigma = simulator.sigma()
    far = (values > (high + 8 * sigma)[:, None]) | (values < (low - 8 * sigma)[:, None])
    assert np.array_equal(far, truth)
    normal = np.abs(values - simulator.expected(times)) < 6 * sigma[:, None]
    assert np.array_equal(normal, ~truth)
    for metric in (truth[:6], truth[6:]):
        assert metric.any(axis=1).all()


def test_every_container_sees_every_kind(simulator: Simulator) -> None:
    begins = START + FIRST + np.arange(18) * EVERY
    values = simulator.values(begins)
    up = values > simulator.expected(begins)
    truth = simulator.truth(begins)
    seen = {(c, bool(up[c, i]), bool(up[c + 6, i])) for c in range(6) for i in np.flatnonzero(truth[c]).tolist()}
    assert seen == {(c, *kind) for c in range(6) for kind in ((True, True), (False, False), (False, True))}


def test_the_schedule(simulator: Simulator) -> None:
    def faults_at(seconds: float) -> int:
        return int(simulator.truth(np.array([START + round(seconds * SECOND)])).sum())

    assert [faults_at(s) for s in (-1000, 0, 74.9, 75, 119.9, 120, 254.9, 255, 300)] == [
        0,
        0,
        0,
        1,
        1,
        0,
        0,
        1,
        0,
    ]
    order = simulator.truth(START + FIRST + np.arange(7) * EVERY).argmax(axis=0)
    assert order.tolist() == [3, 4, 5, 0, 1, 2, 3]
    assert not simulator.truth(START - np.arange(0, 14 * DAY, 15 * SECOND)).any()


def test_faults_without_a_calm_between_them_are_refused() -> None:
    with pytest.raises(ValueError, match="faults: one every 45 s; a fault lasts 45 s, so they must be further"):
        Faults(START, LASTS, 0, 6)


def test_two_weeks_of_history_bear_the_labels_of_a_scrape(simulator: Simulator) -> None:
    made = history(simulator, START, {"job": "demo", "instance": "127.0.0.1:1"})
    assert len(made) == 12
    times = made[0].times
    assert len(times) == LENGTH // STEP + 1
    assert times[-1] - times[0] == LENGTH
    assert START - STEP < times[-1] <= START
    assert (np.diff(times) == STEP).all()
    assert dict(made[0].key.labels) == {
        "container_name": "workload",
        "engine_host": "demo",
        "job": "demo",
        "instance": "127.0.0.1:1",
    }
    assert np.array_equal(np.array([each.values for each in made]), simulator.values(times))
