"""A curve keeps the extremes of everything that it has seen, however long that is."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.detection.thin import Curve


@pytest.mark.parametrize("pieces", [1, 7, 100])
@pytest.mark.parametrize("n", [1, 2, 2999, 3000, 50_001])
def test_nothing_extreme_is_lost(n, pieces):
    rng = np.random.default_rng(n)
    values = rng.normal(size=n)
    times = np.arange(n, dtype=np.int64) * 10**9
    lower, upper = values - 1, values + 2
    curve = Curve()
    for part in np.array_split(np.arange(n), pieces):
        curve.add(times[part], values[part], lower[part], upper[part])
    curve.end()
    began, ended, least, greatest = curve.parts
    assert len(began) <= 3001
    assert least.min() == values.min()
    assert greatest.max() == values.max()
    assert began[0] == times[0]
    assert ended[-1] == times[-1]
    assert (began[1:] > ended[:-1]).all()
    for first, last, low, high, below, above in zip(began, ended, least, greatest, *curve.band, strict=True):
        inside = (times >= first) & (times <= last)
        assert low == values[inside].min()
        assert high == values[inside].max()
        assert below == lower[inside].min()
        assert above == upper[inside].max()


def test_the_highest_of_many_dots_are_kept():
    curve = Curve()
    rng = np.random.default_rng(1)
    scores = rng.random(10_000)
    for part in np.array_split(np.arange(10_000), 9):
        curve.flag(part.astype(np.int64), scores[part], scores[part])
    assert curve.dots.shape == (3, 2000)
    np.testing.assert_array_equal(np.sort(curve.dots[2]), np.sort(scores)[-2000:])
    assert (np.diff(curve.dots[0]) > 0).all()
