"""NAB's score, against its formulas written out sample by sample, and against what is known of its ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sentio.evaluation.measures import Track
from sentio.evaluation.nab import PROFILES, Profile, nab_scores, scaled_sigmoid, weights
from tests.evaluation.made import track


def sigmoid(y: float) -> float:
    return -1.0 if y >= 3 else 2 / (1 + math.exp(5 * y)) - 1


def slowly(tracks: list[Track], profile: Profile) -> float:
    """The score as it is defined, for every threshold anew."""
    best = -math.inf
    windows = [_windows(t.labels.tolist()) for t in tracks]
    scores = [np.nan_to_num(t.score, nan=0.0).tolist() for t in tracks]
    null = -profile.fn * sum(map(len, windows))
    for threshold in sorted({s for score in scores for s in score} | {math.inf}):
        total = 0.0
        for score, found in zip(scores, windows, strict=True):
            alarms = [i for i, s in enumerate(score) if s >= threshold]
            for first, last in found:
                inside = [i for i in alarms if first <= i <= last]
                place = -(last - inside[0] + 1) / (last - first + 1) if inside else 0.0
                total += profile.tp * sigmoid(place) / sigmoid(-1) if inside else -profile.fn
            for i in alarms:
                if not any(first <= i <= last for first, last in found):
                    before = [(first, last) for first, last in found if last < i]
                    wide = before[-1][1] - before[-1][0] if before else 0
                    total += profile.fp * sigmoid((i - before[-1][1]) / wide if wide else 3.0)
        best = max(best, total)
    return 100 * (best - null) / (profile.tp * sum(map(len, windows)) - null)


def _windows(labels: list[int]) -> list[tuple[int, int]]:
    at = [i for i, label in enumerate(labels) if label]
    starts = [i for i in at if i - 1 not in at]
    return [(i, next(j for j in range(i, len(labels) + 1) if j not in at) - 1) for i in starts]


def short(number: int) -> Track:
    """The first part of a track, with its scores in tenths: many are equal, so thresholds have several samples."""
    whole = track(number)
    part = slice(0, 400)
    return Track(whole.seconds[part], whole.labels[part], np.round(whole.score[part], 1), whole.step)


@pytest.mark.parametrize("name", PROFILES)
def test_it_is_the_formula(name: str) -> None:
    tracks = [short(n) for n in range(5)]
    assert sum(t.labels.sum() for t in tracks) > 20
    assert nab_scores(tracks)[name] == pytest.approx(slowly(tracks, PROFILES[name]), rel=1e-12)


def test_the_sigmoid_at_the_places_that_are_published() -> None:
    # Lavin and Ahmad 2015: the left edge, the middle, the right edge, one width behind, far behind.
    found = scaled_sigmoid(np.array([-1.0, -0.5, 0.0, 1.0, 2.99, 3.0, 1e9]))
    assert found == pytest.approx([0.98661, 0.84828, 0.0, -0.98661, -1.0, -1.0, -1.0], abs=1e-5)
    assert (found[-2:] == -1).all()


def test_the_ends_of_the_scale() -> None:
    labels = np.zeros(100, np.int64)
    labels[40:50] = labels[80:90] = 1
    nothing, perfect = np.zeros(100), np.zeros(100)
    perfect[[40, 80]] = 1
    late = np.where(np.isin(np.arange(100), [49, 89]), 1.0, 0.0)
    at = np.arange(100.0)
    assert nab_scores([Track(at, labels, perfect, 1.0)]) == pytest.approx(dict.fromkeys(PROFILES, 100.0))
    assert nab_scores([Track(at, labels, nothing, 1.0)])["standard"] < 50  # all or nothing: the better of the two
    # At the last sample of a window of ten it is a tenth of a width from the right edge.
    value = sigmoid(-0.1) / sigmoid(-1)
    assert nab_scores([Track(at, labels, late, 1.0)])["standard"] == pytest.approx(100 * (value + 1) / 2)


def test_a_window_of_one_sample_and_none_at_all() -> None:
    labels = np.array([0, 0, 1, 0, 0])
    value, window = weights(labels)
    assert value.tolist() == [-1, -1, 1, -1, -1]
    assert window.tolist() == [-1, -1, 0, -1, -1]
    assert all(map(math.isnan, nab_scores([Track(np.arange(5.0), 0 * labels, np.ones(5), 1.0)]).values()))
