"""Incidents and false alarms are counted as another program with the same rules does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from sentio.evaluation.measures import Counter, Counts, Curve, Track, covered, episodes, near_incident
from sentio.evaluation.nab import nab_scores
from tests.evaluation.made import track

GOLDEN = json.loads(Path("tests/data/alarm_counts.json").read_text("utf-8"))
SETS = {"first": range(6), "second": range(6, 12), "pooled": range(12)}
HOUR = 3600


@pytest.mark.parametrize("name", SETS)
def test_the_curve_is_the_other_programs(name: str) -> None:
    curve, expected = Curve([track(n) for n in SETS[name]]), GOLDEN[name]
    assert (curve.series, curve.days, curve.incidents) == tuple(expected[k] for k in ("series", "days", "incidents"))
    assert {rate: curve.recall(float(rate)) for rate in expected["recall"]} == expected["recall"]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("threshold", ["0.5", "1.0", "1.5"])
def test_what_a_threshold_gives_is_the_other_programs(name: str, threshold: str) -> None:
    found, expected = Curve([track(n) for n in SETS[name]]).at(float(threshold)), GOLDEN[name]["at"][threshold]
    assert {key: getattr(found, key) for key in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("seconds", "step", "count"),
    [
        ([], 300, 0),
        ([0], 300, 1),
        ([0, HOUR], 300, 1),
        ([0, HOUR + 1], 300, 2),
        ([0, 3 * HOUR], HOUR, 1),
        ([0, 3 * HOUR + 1], HOUR, 2),
        (range(0, 6 * HOUR, 300), 300, 1),
        (range(0, 6 * HOUR + 1, 300), 300, 2),
        (range(0, 24 * HOUR + 1, 300), 300, 5),
    ],
)
def test_episodes(seconds: list[int], step: float, count: int) -> None:
    assert episodes(np.array(list(seconds), np.float64), step) == count


def one(labels: list[int], score: list[float], step: float = 1800.0) -> Track:
    return Track(step * np.arange(len(labels)), np.array(labels, np.int64), np.array(score), step)


def test_an_incident_is_widened_and_its_delay_counts_from_its_start() -> None:
    labels = [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    for at, counts in (
        (0, Counts(1, 0, 1, 0)),
        (1, Counts(1, 1, 0, 0)),  # two steps before: no delay below zero
        (5, Counts(1, 1, 0, 3600.0)),
        (7, Counts(1, 1, 0, 7200.0)),
        (8, Counts(1, 0, 1, 0)),
    ):
        score = np.zeros(10)
        score[at] = 1.0
        assert Counter(one(labels, score.tolist())).at(1.0) == counts


def test_samples_near_an_incident_are_those_that_each_window_has() -> None:
    """Windows that overlap, times that are there twice, gaps."""
    drawn = np.random.default_rng(2)
    for _ in range(200):
        seconds = np.cumsum(300.0 * drawn.integers(0, 3, 200) * np.where(drawn.random(200) < 0.05, 20, 1))
        labels = (drawn.random(200) < drawn.choice([0, 0.02, 0.3])).astype(np.int64)
        near, edges = np.zeros(200, bool), np.flatnonzero(np.diff(labels, prepend=0, append=0))
        for first, behind in edges.reshape(-1, 2).tolist():
            near |= (seconds >= seconds[first] - 900) & (seconds <= seconds[behind - 1] + 900)
        np.testing.assert_array_equal(near_incident(seconds, labels, 300), near)
        counter = Counter(Track(seconds, labels, np.ones(200), 300.0))
        assert counter.at(1.0).false == episodes(seconds[~near], 300)


def test_many_incidents_take_no_more_time_each() -> None:
    took = []
    for every in (10_000, 100):
        labels = (np.arange(200_000) % every == 0).astype(np.int64)
        one_of_many = Track(60.0 * np.arange(200_000), labels, np.ones(200_000), 60.0)
        began = time.process_time()
        Curve([one_of_many])
        near_incident(one_of_many.seconds, labels, 60.0)
        nab_scores([one_of_many])
        took.append(time.process_time() - began)
    assert took[1] < 10 * took[0]


def test_scores_that_are_none_count_as_zero_and_infinite_ones_as_high() -> None:
    counter = Counter(one([0] * 4, [np.nan, -np.inf, np.inf, -1.0]))
    assert counter.score.tolist() == [0.0, 0.0, 1e12, -1.0]
    assert counter.at(1.0).false == 1


def test_without_an_incident_there_is_no_recall_but_a_rate() -> None:
    curve = Curve([one([0] * 97, [0.0] * 48 + [2.0] + [0.0] * 48)])
    assert np.isnan(curve.recall(0.1))
    assert np.isnan(curve.at(1.0).recall)
    assert curve.at(1.0).false == 1 / 2
    assert np.isnan(curve.at(1.0).delay)
    assert np.isnan(curve.at(1.0).precision)


def test_where_nothing_is_raised_there_is_no_precision() -> None:
    curve = Curve([one([0, 1, 1, 0], [0.0, 2.0, 0.0, 0.0])])
    assert curve.at(2.0).precision == 1
    assert np.isnan(curve.at(3.0).precision)


def test_without_a_positive_score_nothing_is_caught() -> None:
    assert Curve([one([0, 1, 1, 0], [0.0] * 4)]).recall(0.5) == 0.0


def test_coverage_counts_what_has_a_band_and_is_no_incident() -> None:
    value = np.array([1.0, 2, 3, 4, np.nan, 6])
    lower, upper = np.full(6, 1.0), np.array([3.0, 3, 3, 3, 3, np.nan])
    labels = np.array([0, 0, 0, 0, 0, 0])
    clean = ~near_incident(np.arange(6.0), labels, 1)
    assert covered(value, lower, upper, clean) == (3, 4)
    assert covered(value, lower, upper, clean & (value > 1)) == (2, 3)


def test_how_many_series_chance_alone_puts_over_twice_the_rate() -> None:
    drawn, steps = np.random.default_rng(1), 24 * 14
    alike = []
    for _ in range(2000):
        score = np.zeros(steps + 1)
        score[12 * np.flatnonzero(drawn.random(28) < 2 / 28)] = 1.0
        alike.append(one([0] * (steps + 1), score.tolist(), HOUR))
    found = Curve(alike).at(1.0)
    assert found.false == pytest.approx(2 / 14, rel=0.05)
    assert found.by_chance == pytest.approx(0.05, abs=0.015)
    assert found.noisy == pytest.approx(found.by_chance, abs=0.02)


def test_without_a_false_alarm_none_is_over_twice_the_rate() -> None:
    assert Curve([one([0] * 9, [0.0] * 9)]).at(1.0).by_chance == 0
