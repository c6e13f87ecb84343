"""tukey, mad, moving_avg and threshold: the figures of the originals, and the edges."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sentio.contracts import Detector
from sentio.detectors.mad import Mad
from sentio.detectors.moving_avg import MovingAvg
from sentio.detectors.threshold import Threshold
from sentio.detectors.tukey import Tukey
from sentio.types import ANOMALY, SCORE, Panel
from tests.contract import detector_checks
from tests.detectors.drive import numbered
from tests.here import Here

POINTS = (Path(__file__).parent.parent / "data/kapacitor_points.txt").read_text()
START = 1_700_000_000


def points(measurement: str) -> np.ndarray:
    """The values of Kapacitor's test, in their order; one a second."""
    return np.array([float(v) for v in re.findall(rf"^{measurement} value=(\S+)", POINTS, re.MULTILINE)])


def panel(values, start: int = START) -> Panel:
    return numbered(values, start)


def made(kind, **options) -> Detector:
    return kind(kind.Options.model_validate_json(json.dumps(options)), Here())


def said(detector: Detector, values) -> dict[str, np.ndarray]:
    """Of samples of which nothing was known before."""
    whole = panel(values)
    return detector.score(detector.fit(Panel(whole.keys, whole.times[:0], whole.values[:, :0])), whole)[1].outputs


# --- tukey -----------------------------------------------------------------------------------------------------


def test_the_outliers_of_kapacitors_test():
    values = points("cpu,host=a")
    assert len(values) == 21  # the last one ends the window of the others
    detector = made(Tukey, window={"period": "20s", "every": "20s"})
    state = detector.fit(panel(values))
    for start in (START, START + 21):  # the samples of the window themselves, and the same ones later
        _, scores = detector.score(state, panel(values[:20], start))
        flag = scores.outputs[ANOMALY][0] == 1
        assert values[:20][flag].tolist() == [5, 6, 85, 90, 100]
        assert (scores.outputs["lower"][0, 0], scores.outputs["upper"][0, 0]) == (6.375, 81.375)
        assert scores.outputs[SCORE][0, 18] == pytest.approx((90 - 53.25) / (1.5 * 18.75))


def test_the_quartiles_are_those_of_numpy():
    rng = np.random.default_rng(4)
    values = rng.lognormal(size=2000)
    found = said(made(Tukey, scale=2.0, window={"period": "37s", "every": "20s"}), values)
    for end in range(60, 2000, 20):
        first, third = np.percentile(values[end - 37 : end], [25, 75])
        assert found["lower"][0, end] == pytest.approx(first - 2 * (third - first), rel=1e-12)
        assert found["upper"][0, end + 19] == pytest.approx(third + 2 * (third - first), rel=1e-12)
    beyond = (values < found["lower"][0]) | (values > found["upper"][0])
    np.testing.assert_array_equal(found[ANOMALY][0, 20:], beyond[20:])
    assert 0 < beyond.sum() < 200


def test_a_constant_has_no_outlier_until_it_changes():
    values = np.full(100, 3.3)
    values[60] = 3.4
    found = said(made(Tukey, window={"period": "20s", "every": "20s"}), values)
    assert np.flatnonzero(found[ANOMALY][0] == 1).tolist() == [60]
    assert found[SCORE][0, [59, 60, 61]].tolist() == [0, 1e6, 0]


def test_three_samples_have_no_quartiles():
    found = said(made(Tukey, window={"period": "3s", "every": "3s"}), np.arange(50.0))
    assert np.isnan(found[SCORE]).all()


# --- mad -------------------------------------------------------------------------------------------------------


def anomstack() -> np.ndarray:
    """Its golden series: rounded as its ingest rounds."""
    noise = np.random.RandomState(0).normal(0, 0.1, 200)
    values = 10 + np.sin(2 * np.pi * np.arange(200) / 24) + noise
    values[-1] += 8
    return np.round(values, 4)


def test_the_change_of_anomstack():
    values = anomstack()
    detector = made(Mad)
    _, scores = detector.score(detector.fit(panel(values[:-1])), panel(values[-1:], START + 199))
    assert scores.outputs["score"][0, 0] == pytest.approx(8.8699760720035, abs=1e-12)
    assert scores.outputs[SCORE][0, 0] == pytest.approx(8.8699760720035 / 3.5)
    assert scores.outputs[ANOMALY][0, 0] == 1


@pytest.mark.parametrize("window", [10, 11, 64])
def test_the_median_and_the_deviation_are_those_of_numpy(window):
    rng = np.random.default_rng(window)
    values = np.round(rng.normal(size=(2, 500)), 1)  # with many ties
    values[1, 40:90] = 0.5
    found = said(made(Mad, window=window, threshold=2.5), values)
    assert np.isnan(found["score"][:, :10]).all()
    for row, score, flag in zip(values, found["score"], found[ANOMALY], strict=True):
        for j in range(10, 500):
            past = row[max(0, j - window) : j]
            off = abs(row[j] - np.median(past))
            deviation = np.median(np.abs(past - np.median(past)))
            expected = min(0.6745 * off / deviation, 1e6) if deviation else 1e6 * (off > 0)
            assert score[j] == pytest.approx(expected, rel=1e-12)
            assert flag[j] == (score[j] > 2.5)
    assert (found["score"][1] == 1e6).any()


# --- moving_avg ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "last"), [("a", 0.9), ("b", 1.9)])
def test_the_means_of_kapacitors_test(group, last):
    values = points(f"test,group={group}")
    found = said(made(MovingAvg, size=10), values)
    assert len(values) == 12
    assert found["mean"][0, 10] == pytest.approx(last, abs=1e-12)
    for j in range(12):
        assert found["mean"][0, j] == pytest.approx(values[max(0, j - 9) : j + 1].mean(), abs=1e-12)


def test_a_mean_judges_nothing():
    found = said(made(MovingAvg, size=3), np.arange(10.0))
    assert np.isnan(found[SCORE]).all()
    assert np.isnan(found[ANOMALY]).all()
    assert np.isfinite(found["mean"]).all()


def test_a_large_value_leaves_no_rounding_in_the_mean():
    found = said(made(MovingAvg, size=3), [1e308, 1e308, 0.1, 0.2, 0.3, 0.4])
    assert np.isnan(found["mean"][0, 1])  # the sum is beyond what a float can be
    assert found["mean"][0, 4] == pytest.approx(0.2)


# --- threshold -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "values", "scores"),
    [
        ({"upper": 10.0, "lower": 0.0}, [5, 0, 10, 10.5, -5, 15, 7.5], [0, 1, 1, 1.1, 2, 2, 0.5]),
        ({"upper": 50.0}, [0, 25, 50, 75, -100], [0, 0.5, 1, 1.5, 0]),
        ({"upper": -2.0}, [-2, -4, -1, 0], [1, 0, 1.5, 2]),
        ({"upper": 0.0}, [0, -0.5, 1], [1, 0.5, 2]),
        ({"lower": 50.0}, [100, 75, 50, 25, 0], [0, 0.5, 1, 1.5, 2]),
        ({"lower": 0}, [0, 1, -1], [1, 0, 2]),
        ({"lower": -1e308, "upper": 1e308}, [0, 1e308, -1e308], [0, 1, 1]),
        ({"upper": 1e-300}, [1.0, -1e308, 0], [1e6, 0, 0]),
    ],
)
def test_a_limit(limits, values, scores):
    found = said(made(Threshold, **limits), values)
    assert found[SCORE][0].tolist() == pytest.approx(scores)
    upper, lower = limits.get("upper", np.inf), limits.get("lower", -np.inf)
    assert found[ANOMALY][0].tolist() == [float(v > upper or v < lower) for v in values]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "has neither upper nor lower; at least one of them is expected"),
        ({"upper": 1.0, "lower": 1.0}, r"has lower 1.0; less than upper \(1.0\) is expected"),
        ({"upper": -1.0, "lower": 2.0}, r"has lower 2.0; less than upper \(-1.0\) is expected"),
    ],
)
def test_limits_that_are_refused(limits, words):
    with pytest.raises(ValidationError, match=words):
        made(Threshold, **limits)


# --- all -------------------------------------------------------------------------------------------------------

OTHERS = [
    (Tukey, {}),
    (Tukey, {"window": {"every": "0s", "period": "3h"}}),
    (Tukey, {"scale": 3.0, "window": {"every": "1h", "period": "1d", "align": True, "fill_period": True}}),
    (Mad, {"window": 11}),
    (MovingAvg, {"size": 1}),
    (Threshold, {"upper": 55}),
    (Threshold, {"lower": -1}),
]


@pytest.mark.parametrize("kind_and_options", OTHERS, ids=str)
@pytest.mark.parametrize("check", detector_checks.CHECKS, ids=lambda c: c.__name__)
def test_other_options_keep_the_contract(check, kind_and_options):
    kind, options = kind_and_options
    check(made(kind, **options))
