"""The band's width in closed form, against the distribution that it is the quantile of."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.detectors.prophet.interval import band_table

DRAWS = 200_000


def drawn(a: float, b: float, width: float) -> float:
    """The quantile of as many outcomes of the process itself."""
    rng = np.random.default_rng(int(a * 1000 + b * 7))
    changes = rng.poisson(a, DRAWS)
    moves = rng.laplace(size=changes.sum()) * rng.random(changes.sum())
    trend = np.bincount(np.repeat(np.arange(DRAWS), changes), moves, DRAWS)
    return float(np.quantile(np.abs(b * trend + rng.normal(size=DRAWS)), width))


@pytest.mark.parametrize("width", [0.5, 0.8, 0.99])
@pytest.mark.parametrize("a", [0.01, 0.3, 5.0, 100.0])
@pytest.mark.parametrize("b", [0.03, 0.5, 2.0, 30.0])
def test_it_holds_what_it_says(a, b, width):
    half = float(band_table(width).half_width(np.array(a), np.array(b)))
    # 2 % for the draws; where a first change is about as likely as to be left out, the quantile jumps.
    loose = 0.12 if abs(np.log(a / (1 - width))) < 1.3 and b > 1 else 0.025
    assert half == pytest.approx(drawn(a, b, width), rel=loose)


def test_without_a_change_of_slope_the_noise_is_left():
    table = band_table(0.99)
    half = table.half_width(np.array([0.0, 1e-9, 0.01, 0.0]), np.array([0.0, 5.0, 1e-9, 1e300]))
    np.testing.assert_allclose(half, 2.5758293, rtol=1e-6)


def test_it_grows_with_the_horizon():
    ahead = np.geomspace(1e-3, 1, 50)
    half = band_table(0.9).half_width(25 * ahead, 4 * ahead)
    assert (np.diff(half) >= -1e-9).all()


def test_it_is_the_same_each_time_and_for_any_shape():
    table = band_table(0.95)
    a, b = np.meshgrid(np.geomspace(1e-4, 1e4, 30), np.geomspace(1e-4, 1e4, 30))
    whole = table.half_width(a, b)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole[3, 4], table.half_width(a[3, 4], b[3, 4]))
