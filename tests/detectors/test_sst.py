"""The singular spectrum transformation beside matrices written out in full."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pydantic import ValidationError

from sentio.detectors.sst import SST
from sentio.state import State
from sentio.types import ANOMALY, SCORE, Panel
from tests.detectors.drive import numbered as panel
from tests.here import Here

RNG = np.random.default_rng(11)
NOISE = np.sin(np.arange(300) / 5) + 0.3 * RNG.normal(size=(4, 300)) + np.array([[0.0], [3.0], [0.0], [-1.0]])
NOISE[2, 150:] = np.sin(np.arange(150) / 2)


def detector(**options) -> SST:
    return SST(SST.Options(**options), Here())


def outputs(values, **options):
    """Of everything, from nothing known on."""
    made, whole = detector(**options), panel(values)
    blank = made.fit(Panel(whole.keys, np.empty(0, np.int64), np.empty((len(whole.keys), 0))))
    return made.score(blank, whole)[1].outputs


def trajectory(samples, w):
    return np.array([samples[i : i + w] for i in range(w)]).T


def by_svd(samples, w, r, g):
    """Of each sample, with the present ending at it."""
    found = np.full(len(samples), np.nan)
    length = 4 * w - 1 + g
    for t in range(length, len(samples) + 1):
        seen = samples[t - length : t]
        u, q = (np.linalg.svd(trajectory(part, w))[0][:, :r] for part in (seen, seen[2 * w + g :]))
        found[t - 1] = 1 - np.linalg.svd(u.T @ q, compute_uv=False)[0]
    return found


def by_lanczos(samples, w, r):
    """The same; the vector is carried from sample to sample."""
    found, q, k = np.full(len(samples), np.nan), np.full(w, w**-0.5), 2 * r if r % 2 == 0 else 2 * r - 1
    for t in range(3 * w - 1, len(samples) + 1):
        seen = samples[t - 3 * w + 1 : t]
        past, present = trajectory(seen, w), trajectory(seen[w:], w)
        q = present @ present.T @ present @ q
        q /= np.linalg.norm(q)
        basis = np.zeros((w, k))
        for j in range(k):  # what the products with the matrix span, made orthonormal in full
            basis[:, j] = q if j == 0 else past @ past.T @ basis[:, j - 1]
            for _ in range(2):
                basis[:, j] -= basis[:, :j] @ (basis[:, :j].T @ basis[:, j])
            basis[:, j] /= np.linalg.norm(basis[:, j])
        turn, triangle = np.linalg.qr(basis.T @ past @ past.T @ basis)
        leading = np.argsort(np.diag(triangle @ turn))[::-1][:r]
        found[t - 1] = 1 - np.linalg.norm(turn[0, leading])
    return found


@pytest.mark.parametrize(("w", "r", "g"), [(8, 3, None), (10, 1, -10), (12, 2, 0), (9, 4, 5), (9, 2, -4)])
def test_by_svd(w, r, g):
    found = outputs(NOISE, w=w, r=r, g=g, method="svd")["score"]
    for i, row in enumerate(NOISE):
        np.testing.assert_allclose(found[i], by_svd(row, w, r, -w if g is None else g), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("w", "r"), [(8, 3), (10, 1), (12, 2), (20, 3)])
def test_by_lanczos(w, r):
    found = outputs(NOISE, w=w, r=r)["score"]
    for i, row in enumerate(NOISE):
        np.testing.assert_allclose(found[i], by_lanczos(row, w, r), rtol=0, atol=1e-9)


def test_a_shape_that_changes_is_found_once_it_is_half_the_present():
    at = np.arange(400)
    clean = np.sin(at / 5) * np.where(at < 200, 1, np.where(at % 6 < 3, 3, -3))
    found = outputs(clean + 0.01 * RNG.normal(size=(6, 400)), w=30)
    assert np.nanmax(found["score"][:, :200]) < 0.05
    assert np.nanmax(found["score"][:, 290:]) < 0.05
    flagged = found[ANOMALY] == 1
    assert flagged[:, 200:260].any(axis=1).all()
    assert not flagged[:, :200].any()
    said = np.isfinite(found["score"])
    np.testing.assert_allclose(found[SCORE][said & ~flagged], found["score"][said & ~flagged] / 0.8)


def test_where_nothing_is_left_no_leading_vector_comes_again():
    """A sine has two singular values. Without a second turn the third of Lanczos' vectors is the first one again."""
    found = outputs(np.sin(np.arange(300) / 7), w=20)["score"]
    assert np.nanmax(found) < 1e-6


@pytest.mark.parametrize("method", ["svd", "lanczos"])
def test_what_it_scores_begins_with_the_first_full_present(method):
    found = outputs(NOISE[0], w=10, method=method)["score"][0]
    assert np.isnan(found[:28]).all()
    assert np.isfinite(found[28:]).all()


@pytest.mark.parametrize("method", ["svd", "lanczos"])
def test_any_cut_gives_the_same_bits(method):
    made, whole = detector(w=10, method=method), panel(NOISE)
    state = made.fit(Panel(whole.keys, whole.times[:40], whole.values[:, :40]))
    _, at_once = made.score(state, Panel(whole.keys, whole.times[40:], whole.values[:, 40:]))
    parts = []
    for first, end in ((40, 41), (41, 100), (100, 103), (103, 300)):
        part = Panel(whole.keys, whole.times[first:end], whole.values[:, first:end])
        state, scores = made.score(State.from_arrays(state.to_arrays()), part)
        parts.append(scores.outputs["score"])
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), at_once.outputs["score"])
    assert np.isfinite(at_once.outputs["score"]).all()


@pytest.mark.parametrize("method", ["svd", "lanczos"])
def test_the_scale_does_not_matter_and_a_gap_is_passed_over(method):
    usual = outputs(NOISE, w=10, method=method)["score"]
    np.testing.assert_array_equal(outputs(NOISE * 2.0**-900, w=10, method=method)["score"], usual)
    gaps = np.full((4, 600), np.nan)
    gaps[:, 1::2] = NOISE * 2.0**900
    np.testing.assert_array_equal(outputs(gaps, w=10, method=method)["score"][:, 1::2], usual)


@pytest.mark.parametrize("method", ["svd", "lanczos"])
def test_whatever_comes_the_scores_are_between_0_and_1(method):
    values = RNG.normal(size=(6, 200))
    values[0], values[1] = 0.0, 42.0
    values[2, ::7], values[3, 90] = 1e308, -1e308
    values[4, 100:], values[5] = 0.0, 5e-324
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = outputs(values, w=10, method=method)["score"]
    assert (found[:, 28:] >= 0).all()
    assert (found[:, 28:] <= 1).all()
    np.testing.assert_allclose(found[[0, 1, 5], 28:], 0, atol=1e-12)


@pytest.mark.parametrize("options", [{"w": 4}, {"w": 10, "r": 6}, {"g": -31}, {"g": 31}, {"threshold": 1}, {"W": 30}])
def test_what_does_not_fit_is_refused(options):
    with pytest.raises(ValidationError):
        SST.Options(**options)
