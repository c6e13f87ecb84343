"""What the last errors say of the next one; and after a gap, of one that is more than a step ahead.

What is not there is taken to be what was foretold of it, with the covariance that this has, as a Kalman filter does
(Harvey 1989, *Forecasting, structural time series models and the Kalman filter*, 3.4.7).
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.evidence import NEVER
from sentio.judgement.terms import Lags
from sentio.judgement.track import LAGS, Track
from sentio.judgement.units import A_DAY, AN_HOUR, LARGE
from sentio.types import Floats

_MOST_VARIANCE = 1e12
"""In that of one step ahead: of what grows without an end nothing is known any more."""
_FADES = A_DAY / 4
"""Whatever the weights say; what lasts for longer is the level."""
_TOLERATED = 0.25
"""Of a usual distance, by which another one may be nearer to two of them."""
_SPACING_GAIN, _LONGER = 0.1, 0.1
"""By how much one distance moves the usual one, and the share of distances that are longer than usual."""
SETTLED = 6
"""Samples in a row after which nothing depends on the gap before them."""
_UNSEEN = 2
"""Samples after a gap of which some of the three errors before were not seen."""


@part
def steps_since(track: Track, s: int, t: int, step: int) -> int:
    """How many of the usual distances the newest sample is ago; 1 where there is no gap, and before the first."""
    if track.at[s] == NEVER:
        return 1
    usual = np.floor(max(1.0, float(track.spacing[s])) + 0.5)
    return max(1, int((t - track.at[s]) / (step * usual) + _TOLERATED))


@part
def learn_spacing(track: Track, s: int, t: int, step: int) -> None:
    """Of a sample at ``t``, which comes after `Track.at`: where samples are always missing, that is no gap."""
    if track.at[s] == NEVER:
        return
    longer = 1.0 if (t - track.at[s]) / step > track.spacing[s] + 0.5 else 0.0
    track.spacing[s] = max(1.0, track.spacing[s] * (1 + _SPACING_GAIN * (longer - _LONGER)))


@part
def pass_on(track: Track, s: int, steps: int, step: int, base: float, sigma: float, scale: float, most: float) -> Lags:
    """What is known of the next sample, ``steps`` after the newest one, whose ``base`` error has this ``scale``;
    ``most``: how many times that of one step ahead."""
    weights, growth, missing = track.weights[s], 1.0, 0.0
    one, two, three, hour = track.errors[s, 0], track.errors[s, 1], track.errors[s, 2], track.hour[s]
    if steps > 1 or track.since[s] <= _UNSEEN:
        unsure = _unsure(track, s)
        last, second, third = _bounded(one, base, scale), _bounded(two, base, scale), _bounded(three, base, scale)
        errors = (last, second, third, _bounded(hour, base, scale))
        one, two, three, hour, growth, missing = _through(weights, steps - 1, step, errors, unsure, base, most)
    x, foretold = _follows(weights, one, two, three, hour, base, sigma, scale)
    return Lags(steps, one, two, hour, x, foretold, growth, missing)


@part
def _unsure(track: Track, s: int) -> tuple[float, float]:
    """Variances of the last errors but one and two: those that were in the gap were not seen."""
    missing = float(track.missing[s])
    return missing if track.since[s] == 1 else 0.0, missing if track.since[s] <= _UNSEEN else 0.0


@part
def _through(
    weights: Floats, steps: int, step: int, errors: tuple[float, float, float, float], unsure: tuple[float, float],
    base: float, most: float,
) -> tuple[float, float, float, float, float, float]:  # fmt: skip
    """The ``errors`` as they are foretold of ``steps`` later; by how much the error of what follows is larger than one
    step ahead, ``most`` at most; and the variance of the first of them, in that of one step ahead."""
    newest = np.array([1 - weights[0] - weights[2] - weights[3], weights[0] - weights[1], weights[1], weights[2]])
    at, spread = np.array(errors) - base, np.diag(np.array([0.0, unsure[0], unsure[1], 0.0]))
    known = _advance(at, spread, steps, *_one_step(newest, step))
    growth = np.sqrt(1 + _quadratic(newest, spread))
    if not known or growth > most:
        # What is foretold worse than without any correction is forgotten, by the square: what weights make grow does so
        # as fast as its error.
        at *= (most / growth) ** 2 if known else 0.0
        growth = most
    at *= np.exp(-steps * step / _FADES)
    at += base
    return at[0], at[1], at[2], at[3], growth, spread[0, 0]


@part
def _one_step(newest: Floats, step: int) -> tuple[Floats, Floats]:
    """``[4, 4]`` what becomes of the last three errors and the mean of the last hour, less the base, in a step, the
    ``newest`` being foretold by these weights; and the covariance of what nobody foresees."""
    of_hour = 1 / max(3.0, AN_HOUR / step)
    become, chance = np.zeros((4, 4)), np.zeros((4, 4))
    become[0], become[3] = newest, of_hour * newest
    become[1, 0] = become[2, 1] = 1.0
    become[3, 3] += 1 - of_hour
    chance[0, 0], chance[0, 3], chance[3, 0], chance[3, 3] = 1.0, of_hour, of_hour, of_hour**2
    return become, chance


@part
def _advance(at: Floats, spread: Floats, steps: int, become: Floats, chance: Floats) -> bool:
    """Advance the errors ``at [4]`` and their covariance ``spread [4, 4]``, by squares; False where nothing is known of
    them in the end."""
    while steps > 0:
        if not (chance[0, 0] < _MOST_VARIANCE and spread[0, 0] < _MOST_VARIANCE):
            return False
        if steps % 2:
            at[:] = _product(become, at.reshape(4, 1))[:, 0]
            spread[:] = _product(_product(become, spread), become.T) + chance
        chance = _product(_product(become, chance), become.T) + chance
        become = _product(become, become)
        steps //= 2
    return True


@part
def _product(a: Floats, b: Floats) -> Floats:
    """Of small matrices, to the same bits on every machine."""
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


@part
def _quadratic(row: Floats, spread: Floats) -> float:
    """The variance of the errors weighted by ``row``."""
    total = 0.0
    for i in range(4):
        for j in range(4):
            total += row[i] * spread[i, j] * row[j]
    return total


@part
def _follows(
    weights: Floats, one: float, two: float, three: float, hour: float, base: float, sigma: float, scale: float
) -> tuple[Floats, float]:
    """What comes after these errors, the newest first, and what that comes from."""
    x = np.empty(LAGS)
    last, second, third = _bounded(one, base, scale), _bounded(two, base, scale), _bounded(three, base, scale)
    x[0] = (second - last) / sigma
    x[1] = (third - second) / sigma
    x[2] = (_bounded(hour, base, scale) - last) / sigma
    x[3] = (base - last) / sigma
    foretold = last
    for i in range(LAGS):
        foretold += weights[i] * x[i] * sigma
    return x, _bounded(foretold, base, scale)


@part
def _bounded(error: float, base: float, scale: float) -> float:
    """An incident must not quickly become what is expected: as if the error were not beyond `LARGE` scales."""
    return base + min(max(error - base, -LARGE * scale), LARGE * scale)


@part
def put_error(track: Track, s: int, error: float, lags: Lags, step: int) -> None:
    """The ``error`` of a sample, before which were the ``lags``."""
    track.hour[s] = lags.hour + (error - lags.hour) / max(3.0, AN_HOUR / step)
    track.errors[s, 2] = lags.second
    track.errors[s, 1] = lags.last
    track.errors[s, 0] = error
    if lags.steps > 1:
        track.since[s], track.missing[s] = 0, np.float32(lags.missing)
    track.since[s] = min(track.since[s] + 1, SETTLED)
