"""The inner products of the columns with one another, of one series: from sums that the panel shares."""

from __future__ import annotations

import numpy as np

from sentio.compiled import kernel
from sentio.detectors.prophet.panel import Grid, Prior
from sentio.types import Floats, Ints


@kernel
def make_gram(rows: Ints, count: int, grid: Grid, prior: Prior, gram: Floats, points: Floats, bounds: Ints) -> int:
    """Products of the columns over the samples at ``rows``, both triangles; their number.

    Between two changepoints every hinge is a line, so sums of 1, t, t², X and tX between them give all products. They
    come from those over all times less those of the missing ones, or, where most are missing, from the samples.
    """
    features = len(grid.features)
    number = _place(rows, count, grid.t, prior, points, bounds)
    between = np.zeros((number + 1, 3 + 2 * features))
    products = np.zeros((features, features))
    if 2 * count < len(grid.t):
        _add_up(rows, count, grid, bounds, number, between, products)
    else:
        _take_off(rows, count, grid, bounds, number, between, products)
    # From sums between changepoints to sums from each one on.
    for j in range(number - 1, -1, -1):
        for f in range(between.shape[1]):
            between[j, f] += between[j + 1, f]
    return _products(between, products, points, number, prior.flat, gram)


@kernel
def _place(rows: Ints, count: int, t: Floats, prior: Prior, points: Floats, bounds: Ints) -> int:
    """Changepoints where Prophet has them (``set_changepoints``): evenly among the earlier samples.

    Their number; one at 0, which is a slope, where there can be none. ``bounds`` takes the column from which on each
    one counts.
    """
    first, last = rows[0], rows[count - 1]
    start, span = t[first], t[last] - t[first]
    early = int(np.floor(count * prior.share))
    number = min(prior.changepoints, early - 1)
    bounds[0] = first
    if number <= 0:
        points[0], bounds[1], bounds[2] = 0.0, first, last + 1
        return 1
    step = (early - 1) / number
    for j in range(number):
        # As numpy.linspace: the last one without rounding.
        at = early - 1 if j == number - 1 else int(np.rint((j + 1) * step))
        bounds[j + 1] = rows[at]
        points[j] = (t[rows[at]] - start) / span
    bounds[number + 1] = last + 1
    return number


@kernel
def _add_up(rows: Ints, count: int, grid: Grid, bounds: Ints, number: int, between: Floats, products: Floats) -> None:
    """Sums over the samples one by one, in the series' own time."""
    features = len(grid.features)
    start, span = grid.t[rows[0]], grid.t[rows[count - 1]] - grid.t[rows[0]]
    j = 0
    for q in range(count):
        i = rows[q]
        while j < number and i >= bounds[j + 1]:
            j += 1
        t = (grid.t[i] - start) / span
        between[j, 0] += 1.0
        between[j, 1] += t
        between[j, 2] += t * t
        for a in range(features):
            x = grid.features[a, i]
            between[j, 3 + a] += x
            between[j, 3 + features + a] += t * x
            for b in range(a + 1):
                products[a, b] += x * grid.features[b, i]


@kernel
def _take_off(rows: Ints, count: int, grid: Grid, bounds: Ints, number: int, between: Floats, products: Floats) -> None:
    """Sums over all times less the missing ones, then from the grid's time to the series' own."""
    features = len(grid.features)
    for j in range(number + 1):
        for f in range(between.shape[1]):
            between[j, f] = grid.sums[bounds[j + 1], f] - grid.sums[bounds[j], f]
    for a in range(features):
        for b in range(a + 1):
            products[a, b] = grid.gram[a, b]
    first, last = rows[0], rows[count - 1]
    q, j = 0, 0
    for i in range(len(grid.t)):
        if q < count and rows[q] == i:
            q += 1
            continue
        for a in range(features):
            for b in range(a + 1):
                products[a, b] -= grid.features[a, i] * grid.features[b, i]
        if first < i < last:
            while j < number and i >= bounds[j + 1]:
                j += 1
            t = grid.t[i]
            between[j, 0] -= 1.0
            between[j, 1] -= t
            between[j, 2] -= t * t
            for a in range(features):
                x = grid.features[a, i]
                between[j, 3 + a] -= x
                between[j, 3 + features + a] -= t * x
    start, span = grid.t[first], grid.t[last] - grid.t[first]
    for j in range(number + 1):
        one, t, square = between[j, 0], between[j, 1], between[j, 2]
        between[j, 1] = (t - start * one) / span
        between[j, 2] = (square - 2 * start * t + start * start * one) / (span * span)
        for a in range(features):
            between[j, 3 + features + a] = (between[j, 3 + features + a] - start * between[j, 3 + a]) / span


@kernel
def _products(since: Floats, products: Floats, points: Floats, number: int, flat: bool, gram: Floats) -> int:
    """The gram from the sums ``since [number + 1]`` each changepoint (the first since the start)."""
    features = len(products)
    gram[0, 0] = since[0, 0]
    for a in range(features):
        gram[1 + a, 0] = since[0, 3 + a]
        for b in range(a + 1):
            gram[1 + a, 1 + b] = products[a, b]
    size = 1 + features
    if not flat:
        gram[size, 0] = since[0, 1]
        for a in range(features):
            gram[size, 1 + a] = since[0, 3 + features + a]
        gram[size, size] = since[0, 2]
        for j in range(number):
            row, s, sums = size + 1 + j, points[j], since[j + 1]
            gram[row, 0] = sums[1] - s * sums[0]
            for a in range(features):
                gram[row, 1 + a] = sums[3 + features + a] - s * sums[3 + a]
            gram[row, size] = sums[2] - s * sums[1]
            for i in range(j + 1):
                gram[row, size + 1 + i] = sums[2] - (points[i] + s) * sums[1] + points[i] * s * sums[0]
        size += 1 + number
    for a in range(size):
        for b in range(a):
            gram[b, a] = gram[a, b]
    return size
