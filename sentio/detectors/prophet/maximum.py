"""The maximum of Prophet's posterior of one series, exactly.

What Prophet's Stan program maximises (Taylor and Letham 2018, *Forecasting at scale*; prophet.stan), with the samples
``y`` over their largest size and ``t`` running from 0 at a series' first sample to 1 at its last, is

    −n log σ − SSE/(2σ²) − k²/50 − m²/50 − Σβ²/(2s²) − Σ|δ|/τ − 2σ²

for the residuals of ``m + kt + Xβ + Σ δⱼ·max(t − sⱼ, 0)``. Given σ it is a lasso in δ once ``m, β, k`` are eliminated;
given those, the best σ² is the root of ``4v² + nv − SSE``. Nothing of it needs the samples again: their inner products
with the columns (the *moments*) and those of the columns with one another (the *gram*) are enough.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import kernel, reduction
from sentio.detectors.prophet.lasso import lasso
from sentio.detectors.prophet.linear import backward, cholesky, dot, forward, total
from sentio.detectors.prophet.panel import Grid, Prior
from sentio.types import Floats, Ints

_OUTER = 60
"""Steps in σ; some 5 are usual."""
_CLOSE = 1e-8
"""Steps of log σ² below this end the search: the posterior has its maximum there, and so is flat."""
_LEAST_VARIANCE = 1e-10
"""Of the residuals, as part of the samples': a perfect fit would let σ fall, and the posterior rise, without end."""


@kernel
def make_moments(
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
        moments[1 + a] = dot(grid.features[a, lived], z[lived])
    start, span = grid.t[first], grid.t[last] - grid.t[first]
    level, slope = 0.0, 0.0
    number = size - ridge
    for j in range(number, -1, -1):
        between = slice(bounds[j] if j else first, bounds[j + 1] if number else last + 1)
        one = total(z[between])
        level += one
        slope += (dot(z[between], grid.t[between]) - start * one) / span
        if j:
            moments[ridge + j - 1] = slope - points[j - 1] * level
    moments[0] = level
    if number:
        moments[ridge - 1] = slope
    return dot(z[lived], z[lived])


@kernel
def maximise(
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
        # The ridge block, to its Cholesky factor.
        for i in range(ridge):
            for j in range(i + 1):
                lower[i, j] = gram[i, j]
            lower[i, i] += variance * prior.precision[i]
            right[i] = moments[i]
        # The prior is on the level itself, not on what is left of it without the mean.
        right[0] -= variance * prior.precision[0] * mean
        if not cholesky(lower, ridge, inverse):
            return variance, False
        forward(lower, inverse, ridge, right)
        _eliminate(gram, moments, lower, inverse, right, across, inner, linear)
        if number and not lasso(inner, linear, variance / prior.tau, delta):
            return variance, False
        for i in range(ridge):
            value = right[i]
            for a in range(number):
                value -= across[a, i] * delta[a]
            theta[i] = value
        backward(lower, inverse, ridge, theta)
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
def _eliminate(
    gram: Floats,
    moments: Floats,
    lower: Floats,
    inverse: Floats,
    right: Floats,
    across: Floats,
    inner: Floats,
    linear: Floats,
) -> None:
    """What is left of the lasso without the ridge block, into ``inner [a, a]`` and ``linear [a]``: the others' columns
    through its factor ``lower``, into ``across [a, ridge]``, and their products."""
    number, ridge = across.shape
    for a in range(number):
        for i in range(ridge):
            across[a, i] = gram[ridge + a, i]
        forward(lower, inverse, ridge, across[a])
    for a in range(number):
        for b in range(a + 1):
            inner[a, b] = gram[ridge + a, ridge + b] - dot(across[a], across[b])
            inner[b, a] = inner[a, b]
        linear[a] = moments[ridge + a] - dot(across[a], right)


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
