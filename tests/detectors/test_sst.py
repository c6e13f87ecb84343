"""The singular spectrum transformation beside matrices written out in full."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pydantic import ValidationError

from sentio.detectors.sst import SST
from sentio.types import ANOMALY, SCORE, SECOND, Panel, SeriesKey, State
from tests.contract.test_catalog import Here

RNG = np.random.default_rng(11)
NOISE = np.sin(np.arange(300) / 5) + 0.3 * RNG.normal(size=(4, 300)) + np.array([[0.0], [3.0], [0.0], [-1.0]])
NOISE[2, 150:] = np.sin(np.arange(150) / 2)


def detector(**options) -> SST:
    return SST(SST.Options(**options), Here())


def panel(values, start: int = 1) -> Panel:
    values = np.atleast_2d(np.asarray(values, float))
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(values)))
    return Panel(keys, (start + np.arange(values.shape[1])) * SECOND, values)


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
