"""What the last errors say of the next one; and after a gap, of one that is more than a step ahead.

What is not there is taken to be what was foretold of it, as a Kalman filter does (Harvey 1989, *Forecasting, structural
time series models and the Kalman filter*, 3.4.7), and the error of several steps ahead is that of one, as often as it
is passed on (Box and Jenkins 1976, *Time series analysis*, 5.1).
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.evidence import NEVER
from sentio.judgement.terms import Lags
from sentio.judgement.track import LAGS, Track
from sentio.judgement.units import AN_HOUR, LARGE
from sentio.types import Floats

_MOST_AHEAD = 240
"""Steps: by then little is left of what was known."""
_TOLERATED = 0.25
"""Of a usual distance, by which another one may be nearer to two of them."""
_SPACING_RATE = 0.02
"""Of the usual distance."""
SETTLED = 6
"""Samples in a row after which nothing depends on the gap before them."""


@part
def steps_since(track: Track, s: int, t: int, step: int) -> int:
    """How many of the usual distances the newest sample is ago; 1 where there is no gap, and before the first."""
    if track.at[s] == NEVER:
        return 1
    return max(1, int((t - track.at[s]) / (step * max(1.0, float(track.spacing[s]))) + _TOLERATED))


@part
def learn_spacing(track: Track, s: int, t: int, step: int) -> None:
    """Of a sample at ``t``, which comes after `Track.at`: where many are missing, that is no gap."""
    if track.at[s] == NEVER or track.step[s] != step:
        return
    rate = max(_SPACING_RATE, 1 / (track.seen[s] + 1))
    far = min((t - track.at[s]) / step, 4.0 * max(1.0, float(track.spacing[s])))
    track.spacing[s] += np.float32(rate * (far - track.spacing[s]))


@part
def pass_on(track: Track, s: int, steps: int, step: int, base: float, sigma: float, scale: float) -> Lags:
    """What is known of the next sample, ``steps`` after the newest one, whose ``base`` error has this ``scale``."""
    weights = track.weights[s]
    one, two, three, hour = track.errors[s, 0], track.errors[s, 1], track.errors[s, 2], track.hour[s]
    # The same for an error of 1 in the newest sample that nobody foresaw, which adds up to the variance.
    a, b, c, h = 1.0, 0.0, 0.0, 1 / max(3.0, AN_HOUR / step)
    variance, missing = 1.0, 0.0
    for _ in range(min(steps, _MOST_AHEAD) - 1):
        x, foretold = _follows(weights, one, two, three, hour, base, sigma, scale)
        hour += (foretold - hour) / max(3.0, AN_HOUR / step)
        one, two, three = foretold, one, two
        passed = a + weights[0] * (b - a) + weights[1] * (c - b) + weights[2] * (h - a) - weights[3] * a
        h += (passed - h) / max(3.0, AN_HOUR / step)
        a, b, c = passed, a, b
        missing = variance
        variance = min(variance + a * a, 1e12)
    x, foretold = _follows(weights, one, two, three, hour, base, sigma, scale)
    if steps == 1:
        variance += _unsure(track, s)
    return Lags(steps, one, two, hour, x, foretold, np.sqrt(variance), missing)


@part
def _unsure(track: Track, s: int) -> float:
    """What it adds to the variance that of the last errors some were not seen."""
    second, third = track.weights[s, 0] - track.weights[s, 1], track.weights[s, 1]
    if track.since[s] == 1:
        return float(track.missing[s] * (second**2 + third**2))
    return float(track.missing[s] * third**2) if track.since[s] == 2 else 0.0


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
