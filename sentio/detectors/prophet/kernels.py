"""The maximum of Prophet's posterior for one series after another, exactly: the compiled part.

What Prophet's Stan program maximises (Taylor and Letham 2018, *Forecasting at scale*; prophet.stan), with the samples
``y`` over their largest size and ``t`` running from 0 at a series' first sample to 1 at its last, is

    −n log σ − SSE/(2σ²) − k²/50 − m²/50 − Σβ²/(2s²) − Σ|δ|/τ − 2σ²

for the residuals of ``m + kt + Xβ + Σ δⱼ·max(t − sⱼ, 0)``. Given σ it is a lasso in δ once ``m, β, k`` are eliminated;
given those, the best σ² is the root of ``4v² + nv − SSE``. Nothing of it needs the samples again: their inner products
with the columns (the *moments*) and those of the columns with one another (the *gram*) are enough.

The columns stand in this order: 1, the features X, t, the hinges; flat growth ends before t.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentio.compiled import kernel, reduction
from sentio.types import Array, Bools, Floats, Ints


class Grid(NamedTuple):
    """What the series of a panel share: ``n`` times and ``K`` features."""

    t: Floats
    """``[n]``, 0 to 1."""
    features: Floats
    """``[K, n]``"""
    sums: Floats
    """``[n + 1, 3 + 2K]``, over the times before: of 1, t, t², the features, t times the features."""
    gram: Floats
    """``[K, K]`` of the features over all times."""


class Prior(NamedTuple):
    """Of the model's parameters, and how many slope changes it has."""

    precision: Floats
    """``[1 + K + 1]`` of the normal ones: m, β, k."""
    tau: float
    """Scale of the Laplace one of slope changes."""
    changepoints: int
    share: float
    """Of the samples, the earlier ones, on which changepoints lie."""
    flat: bool


class Fits(NamedTuple):
    """What is found, a row for each of ``S`` series; in the scaled units of each."""

    scale: Floats
    """``[S]``, the largest size of a sample."""
    points: Floats
    """``[S, C]`` changepoints; infinity in the places behind ``changepoints [S]``."""
    changepoints: Ints
    theta: Floats
    """``[S, K + 2 + C]`` coefficients in the order of the columns."""
    variance: Floats
    """``[S]`` of the noise."""
    fine: Bools
    """``[S]``: the maximum was found."""


_OUTER, _INNER = 60, 500
"""Steps in σ, and in the lasso for one σ; some 5 and 20 are usual."""
_CLOSE = 1e-8
"""Steps of log σ² below this end the search: the posterior has its maximum there, and so is flat."""
_KKT = 1e-7
"""How far a gradient may be from its condition, as part of the penalty."""
_ROUNDING = 2e-15
_LEAST_VARIANCE = 1e-10
"""Of the residuals, as part of the samples': a perfect fit would let σ fall, and the posterior rise, without end."""


@kernel
def products(features: Floats) -> Floats:
    """``[K, K]``: of each of ``features [K, n]`` with each. Not by BLAS, whose threads would take the cores of others,
    nor by NumPy: both round as the data happen to lie in memory."""
    size = len(features)
    gram = np.zeros((size, size))
    for a in range(size):
        for b in range(a + 1):
            gram[a, b] = _dot(features[a], features[b])
            gram[b, a] = gram[a, b]
    return gram


class Survey(NamedTuple):
    """What the samples of ``S`` series are like, a row for each."""

    samples: Ints
    """``[S]`` finite ones."""
    first: Ints
    """``[S]`` column of the first one; so is ``last``; 0 where there is none."""
    last: Ints
    low: Floats
    high: Floats
    paired: Bools
    """``[S]``: two neighbouring columns both have a sample."""


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
            size = _gram(rows, count, grid, prior, gram, points, bounds)
            before[:count] = rows[:count]
            count_before = count
        norm = _moments(scaled, first, last, grid, points, bounds, ridge, size, moments)
        theta = np.zeros(size)
        variance, fine = _maximise(gram, moments, norm, count, ridge, size, prior, mean, theta)
        theta[0] += mean
        fits.scale[s], fits.variance[s], fits.fine[s] = scale, variance, fine
        fits.changepoints[s] = size - ridge
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
    mean = _sum(scaled) / count
    for i in range(len(y)):
        scaled[i] = scaled[i] - mean if np.isfinite(y[i]) else 0.0
    return mean


@kernel
def _equal(a: Ints, b: Ints, count: int) -> bool:
    for i in range(count):  # noqa: SIM110 # Numba compiles no generators
        if a[i] != b[i]:
            return False
    return True


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
def _gram(rows: Ints, count: int, grid: Grid, prior: Prior, gram: Floats, points: Floats, bounds: Ints) -> int:
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


@kernel
def _moments(
    z: Floats,
    first: int,
    last: int,
    grid: Grid,
    points: Floats,
    bounds: Ints,
    ridge: int,
    size: int,
    moments: Floats,
) -> float:
    """Products of the columns with ``z [n]`` into ``moments [size]``; that of ``z`` with itself."""
    # Slices, for Numba looks for negative indices in a loop that begins at a variable.
    lived = slice(first, last + 1)
    for a in range(len(grid.features)):
        moments[1 + a] = _dot(grid.features[a, lived], z[lived])
    start, span = grid.t[first], grid.t[last] - grid.t[first]
    level, slope = 0.0, 0.0
    number = size - ridge
    for j in range(number, -1, -1):
        between = slice(bounds[j] if j else first, bounds[j + 1] if number else last + 1)
        one = _sum(z[between])
        level += one
        slope += (_dot(z[between], grid.t[between]) - start * one) / span
        if j:
            moments[ridge + j - 1] = slope - points[j - 1] * level
    moments[0] = level
    if number:
        moments[ridge - 1] = slope
    return _dot(z[lived], z[lived])


@reduction
def _dot(a: Floats, b: Floats) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@reduction
def _sum(a: Floats) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i]
    return total


@kernel
def _maximise(
    gram: Floats,
    moments: Floats,
    norm: float,
    count: int,
    ridge: int,
    size: int,
    prior: Prior,
    mean: float,
    theta: Floats,
) -> tuple[float, bool]:
    """The coefficients ``theta [size]`` and the variance of the noise at the maximum, and whether it was found.

    σ and the coefficients in turns, each the best for the other; a secant on log σ² makes few turns of many.
    """
    number = size - ridge
    lower, inverse = np.empty((ridge, ridge)), np.empty(ridge)
    right = np.empty(ridge)
    across = np.empty((number, ridge))
    inner, linear = np.empty((number, number)), np.empty(number)
    delta = np.zeros(number)
    least = max(_LEAST_VARIANCE * norm / count, 1e-300)
    at = np.log(max(norm / count, least))
    step_before, at_before = 0.0, 0.0
    for turn in range(_OUTER):
        variance = np.exp(at)
        # Eliminate the ridge block: its Cholesky factor, and the others' columns through it.
        for i in range(ridge):
            for j in range(i + 1):
                lower[i, j] = gram[i, j]
            lower[i, i] += variance * prior.precision[i]
            right[i] = moments[i]
        # The prior is on the level itself, not on what is left of it without the mean.
        right[0] -= variance * prior.precision[0] * mean
        if not _cholesky(lower, ridge, inverse):
            return variance, False
        _forward(lower, inverse, ridge, right)
        for a in range(number):
            for i in range(ridge):
                across[a, i] = gram[ridge + a, i]
            _forward(lower, inverse, ridge, across[a])
        for a in range(number):
            for b in range(a + 1):
                inner[a, b] = gram[ridge + a, ridge + b] - _dot(across[a], across[b])
                inner[b, a] = inner[a, b]
            linear[a] = moments[ridge + a] - _dot(across[a], right)
        if number and not _lasso(inner, linear, variance / prior.tau, delta):
            return variance, False
        for i in range(ridge):
            value = right[i]
            for a in range(number):
                value -= across[a, i] * delta[a]
            theta[i] = value
        _backward(lower, inverse, ridge, theta)
        for a in range(number):
            theta[ridge + a] = delta[a]
        residual = max(_residual(gram, moments, norm, size, theta), least * count)
        best = 2 * residual / (count + np.sqrt(float(count) * count + 16 * residual))
        step = np.log(best) - at
        if abs(step) < _CLOSE:
            return best, True
        at_now = at
        at += _secant(at, step, at_before, step_before) if turn else step
        at_before, step_before = at_now, step
    return np.exp(at), False


@kernel
def _secant(at: float, step: float, at_before: float, step_before: float) -> float:
    """How far to go where plain iteration would go ``step``: to where the steps would vanish, in bounds."""
    slope = (step - step_before) / (at - at_before) if at != at_before else 0.0
    if slope > -1e-3:
        return step
    far = -step / slope
    if far * step < 0 or abs(far) > 8 * abs(step):
        return step if far * step < 0 else 8 * step
    return far


@reduction
def _residual(gram: Floats, moments: Floats, norm: float, size: int, theta: Floats) -> float:
    """Sum of squared residuals."""
    total = norm
    for i in range(size):
        value = 0.0
        for j in range(size):
            value += gram[i, j] * theta[j]
        total += theta[i] * (value - 2 * moments[i])
    return total


@kernel
def _lasso(q: Floats, c: Floats, penalty: float, x: Floats) -> bool:
    """The minimum of ``½xᵀQx − cᵀx + penalty·Σ|x|`` from the start ``x``, into it; whether it was found.

    Feature-sign search (Lee, Battle, Raina and Ng 2007): guess which coefficients are not zero and their signs, solve,
    and go there, or to where the first sign on the way changes for the better.
    """
    size = len(x)
    sign = np.sign(x)
    gradient = np.empty(size)
    rounding = _gradient(q, c, x, gradient)
    lower, inverse = np.empty((size, size)), np.empty(size)
    target = np.empty(size)
    active = np.empty(size, np.int64)
    for _ in range(_INNER):
        tolerance = max(_KKT * penalty, _ROUNDING * rounding)
        settled = True
        for i in range(size):
            if sign[i] != 0 and abs(gradient[i] + penalty * sign[i]) > tolerance:
                settled = False
        if settled:
            new, largest = -1, penalty + tolerance
            for i in range(size):
                if sign[i] == 0 and abs(gradient[i]) > largest:
                    new, largest = i, abs(gradient[i])
            if new < 0:
                return True
            sign[new] = -np.sign(gradient[new])
        number = 0
        for i in range(size):
            if sign[i] != 0:
                active[number] = i
                number += 1
        if not _solve_active(q, c, penalty, sign, active, number, lower, inverse, target):
            return False
        _approach(q, gradient, penalty, active, number, target, x, sign)
        rounding = _gradient(q, c, x, gradient)
    return False


@reduction
def _gradient(q: Floats, c: Floats, x: Floats, gradient: Floats) -> float:
    """``Qx − c``; the largest sum of sizes in it, of which rounding is a part."""
    largest = 0.0
    for i in range(len(x)):
        total, size = 0.0, abs(c[i])
        for j in range(len(x)):
            part = q[i, j] * x[j]
            total += part
            size += abs(part)
        gradient[i] = total - c[i]
        largest = max(largest, size)
    return largest


@kernel
def _solve_active(
    q: Floats,
    c: Floats,
    penalty: float,
    sign: Floats,
    active: Ints,
    number: int,
    lower: Floats,
    inverse: Floats,
    target: Floats,
) -> bool:
    """The minimum over the ``active`` ones if their signs stay: ``target [number]``."""
    more = 0.0
    while True:
        for a in range(number):
            for b in range(a + 1):
                lower[a, b] = q[active[a], active[b]]
            lower[a, a] *= 1 + more
            target[a] = c[active[a]] - penalty * sign[active[a]]
        if _cholesky(lower, number, inverse):
            break
        # Two changepoints so near one another that their columns differ by rounding alone.
        more = 1e-13 if more == 0 else 100 * more
        if more > 1e-3:
            return False
    _forward(lower, inverse, number, target)
    _backward(lower, inverse, number, target)
    return True


@kernel
def _approach(
    q: Floats,
    gradient: Floats,
    penalty: float,
    active: Ints,
    number: int,
    target: Floats,
    x: Floats,
    sign: Floats,
) -> None:
    """Move ``x`` to ``target``, or to the best of the places on the way where a coefficient becomes zero."""
    agree = True
    for a in range(number):
        if target[a] * sign[active[a]] <= 0:
            agree = False
    if agree:
        for a in range(number):
            x[active[a]] = target[a]
        return
    along, curve = 0.0, 0.0
    for a in range(number):
        i, move = active[a], target[a] - x[active[a]]
        along += gradient[i] * move
        total = 0.0
        for b in range(number):
            total += q[i, active[b]] * (target[b] - x[active[b]])
        curve += move * total
    best, part, stops = np.inf, 1.0, -1
    for candidate in range(number + 1):
        share = 1.0
        if candidate < number:
            here = x[active[candidate]]
            move = target[candidate] - here
            if here == 0 or move == 0:
                continue
            share = -here / move
            if not 0 < share < 1:
                continue
        value = share * along + 0.5 * share * share * curve
        for a in range(number):
            if a != candidate:
                value += penalty * abs(x[active[a]] + share * (target[a] - x[active[a]]))
        if value < best:
            best, part, stops = value, share, candidate
    for a in range(number):
        i = active[a]
        x[i] = 0.0 if a == stops and part < 1 else x[i] + part * (target[a] - x[i])
        sign[i] = np.sign(x[i])


@reduction
def _cholesky(a: Floats, size: int, inverse: Floats) -> bool:
    """Factor the lower triangle of ``a`` in place, one over its diagonal into ``inverse``; False where it has none."""
    for i in range(size):
        for j in range(i):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = total * inverse[j]
        total = a[i, i]
        for k in range(i):
            total -= a[i, k] * a[i, k]
        if not total > 0:
            return False
        a[i, i] = np.sqrt(total)
        inverse[i] = 1 / a[i, i]
    return True


@reduction
def _forward(lower: Floats, inverse: Floats, size: int, b: Array) -> None:
    """Solve ``Lx = b`` in place."""
    for i in range(size):
        total = b[i]
        for k in range(i):
            total -= lower[i, k] * b[k]
        b[i] = total * inverse[i]


@reduction
def _backward(lower: Floats, inverse: Floats, size: int, b: Array) -> None:
    """Solve ``Lᵀx = b`` in place."""
    for i in range(size - 1, -1, -1):
        total = b[i]
        for k in range(i + 1, size):
            total -= lower[k, i] * b[k]
        b[i] = total * inverse[i]
