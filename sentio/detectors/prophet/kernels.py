"""Prophet's fit for one series of a panel after another: what is compiled, from the samples to the coefficients.

Which samples there are (`survey`), their inner products with the columns and those of the columns with one another
(`gram`), and where the posterior is highest (`maximum`).
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import kernel
from sentio.detectors.prophet.gram import make_gram
from sentio.detectors.prophet.linear import dot, total
from sentio.detectors.prophet.maximum import make_moments, maximise
from sentio.detectors.prophet.panel import Fits, Grid, Prior, Survey
from sentio.types import Bools, Floats, Ints


@kernel
def products(features: Floats) -> Floats:
    """``[K, K]``: of each of ``features [K, n]`` with each. Not by BLAS, whose threads would take the cores of others,
    nor by NumPy: both round as the data happen to lie in memory."""
    size = len(features)
    gram = np.zeros((size, size))
    for a in range(size):
        for b in range(a + 1):
            gram[a, b] = dot(features[a], features[b])
            gram[b, a] = gram[a, b]
    return gram


@kernel
def survey(values: Floats, into: Survey) -> None:
    """Look through ``values [S, n]`` once."""
    for s in range(len(values)):
        y = values[s]
        count, first, last = 0, 0, -1
        low, high = np.inf, -np.inf
        paired = False
        for i in range(len(y)):
            if np.isfinite(y[i]):
                if count == 0:
                    first = i
                paired = paired or (count > 0 and last == i - 1)
                count += 1
                last = i
                low, high = min(low, y[i]), max(high, y[i])
        into.samples[s], into.first[s], into.last[s] = count, first, max(last, 0)
        into.low[s], into.high[s], into.paired[s] = low, high, paired


@kernel
def fit_series(values: Floats, found: Survey, wanted: Bools, grid: Grid, prior: Prior, fits: Fits) -> None:
    """Fit the rows of ``values [S, n]`` that are ``wanted [S]``, each with two finite samples at least that differ;
    ``found`` is of the same values."""
    series, n = values.shape
    features = len(grid.features)
    ridge = 1 + features + (0 if prior.flat else 1)
    most = max(1, prior.changepoints)
    width = ridge + (0 if prior.flat else most)
    scaled = np.empty(n)
    rows, before = np.empty(n, np.int64), np.empty(n, np.int64)
    count_before, size = -1, 0
    gram, moments = np.zeros((width, width)), np.zeros(width)
    points, bounds = np.zeros(most), np.zeros(most + 2, np.int64)
    for s in range(series):
        if not wanted[s]:
            continue
        count, first, last = found.samples[s], found.first[s], found.last[s]
        scale = max(abs(found.low[s]), abs(found.high[s]))
        lived = slice(first, last + 1)
        mean = _scale(values[s, lived], count, first, scale, scaled[lived], rows)
        # Most series of a panel lack the same samples, or none: then the columns' products are the same, too.
        if count != count_before or not _equal(rows, before, count):
            size = make_gram(rows, count, grid, prior, gram, points, bounds)
            before[:count] = rows[:count]
            count_before = count
        norm = make_moments(scaled, first, last, grid, points, bounds, ridge, size, moments)
        theta = np.zeros(size)
        variance, fine = maximise(gram, moments, norm, count, ridge, size, prior, mean, theta)
        theta[0] += mean
        fits.scale[s], fits.variance[s], fits.fine[s] = scale, variance, fine
        # The one at 0 where there can be none begins with the samples; a real one has samples before it.
        fits.changepoints[s] = size - ridge if bounds[1] > bounds[0] else 0
        fits.theta[s, :size] = theta
        for j in range(size - ridge):
            fits.points[s, j] = points[j]


@kernel
def _scale(y: Floats, count: int, first: int, scale: float, scaled: Floats, rows: Ints) -> float:
    """Samples ``y`` over ``scale``, less their mean, into ``scaled``; 0 where there is none; the mean.

    ``rows`` takes the columns that have a sample; that of ``y[0]`` is ``first``. Without the mean, the products of a
    series that lies far from 0 would have lost the digits that matter.
    """
    q = 0
    for i in range(len(y)):
        there = np.isfinite(y[i])
        scaled[i] = y[i] / scale if there else 0.0
        rows[min(q, count - 1)] = first + i
        q += there
    mean = total(scaled) / count
    for i in range(len(y)):
        scaled[i] = scaled[i] - mean if np.isfinite(y[i]) else 0.0
    return mean


@kernel
def _equal(a: Ints, b: Ints, count: int) -> bool:
    for i in range(count):  # noqa: SIM110 # Numba compiles no generators
        if a[i] != b[i]:
            return False
    return True
