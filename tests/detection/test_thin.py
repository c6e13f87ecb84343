"""A curve keeps the extremes of everything that it has seen, however long that is."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.detection import thin
from sentio.detection.thin import Thin


@pytest.mark.parametrize("waiting", [1, 1000, 100_000])
@pytest.mark.parametrize("pieces", [1, 7, 100])
@pytest.mark.parametrize("n", [1, 2, 2999, 3000, 50_001])
def test_nothing_extreme_is_lost(n, pieces, waiting, monkeypatch):
    monkeypatch.setattr(thin, "_WAITING", waiting)
    rng = np.random.default_rng(n)
    values = rng.normal(size=n)
    times = np.arange(n, dtype=np.int64) * 10**9
    lower, upper = values - 1, values + 2
    curves = Thin()
    for part in np.array_split(np.arange(n), pieces):
        # Beside it two that are shorter, and one that has nothing.
        few = part[part < 5]
        series = np.concatenate([np.full(len(few), 0), np.full(len(part), 2), np.full(len(few), 3)])
        all_of = np.concatenate([few, part, few])
        curves.add(series, times[all_of], values[all_of], lower[all_of], upper[all_of])
    curves.end()
    assert curves.curve(1).parts.shape == (4, 0)
    for short in (0, 3):
        np.testing.assert_array_equal(curves.curve(short).parts[2:], np.stack([values[:5]] * 2))
    curve = curves.curve(2)
    began, ended, least, greatest = curve.parts
    assert len(began) == n if n < 3000 else 1500 <= len(began) < 3000
    assert least.min() == values.min()
    assert greatest.max() == values.max()
    assert began[0] == times[0]
    assert ended[-1] == times[-1]
    assert (began[1:] > ended[:-1]).all()
    of_each = np.diff(np.searchsorted(times, began))
    assert len(set(of_each.tolist())) <= 1, "all parts but the last are of one length"
    for first, last, low, high, below, above in zip(began, ended, least, greatest, *curve.band, strict=True):
        inside = (times >= first) & (times <= last)
        assert low == values[inside].min()
        assert high == values[inside].max()
        assert below == lower[inside].min()
        assert above == upper[inside].max()


def test_a_band_that_is_not_everywhere():
    curves = Thin()
    nan = np.nan
    edges = np.array([nan, nan, nan, 3.0])
    for _ in range(1000):
        curves.add(np.zeros(4, np.int64), np.arange(4), np.zeros(4), edges, edges)
    curves.end()
    # Two samples are a part: none of the first two has a band.
    np.testing.assert_array_equal(curves.curve(0).band[:, :4], [[nan, 3, nan, 3], [nan, 3, nan, 3]])


@pytest.mark.parametrize("waiting", [1, 100_000])
def test_the_highest_of_many_dots_are_kept(waiting, monkeypatch):
    monkeypatch.setattr(thin, "_WAITING", waiting)
    curves = Thin()
    rng = np.random.default_rng(1)
    scores = rng.random(10_000)
    for part in np.array_split(np.arange(10_000), 9):
        curves.flag(np.full(len(part), 4), part.astype(np.int64), scores[part], scores[part])
        curves.flag(np.full(3, 1), np.arange(3), np.zeros(3), np.ones(3))
    curves.end()
    assert curves.curve(1).dots.shape == (3, 27)
    dots = curves.curve(4).dots
    assert dots.shape == (3, 2000)
    np.testing.assert_array_equal(np.sort(dots[2]), np.sort(scores)[-2000:])
    assert (np.diff(dots[0]) > 0).all()
