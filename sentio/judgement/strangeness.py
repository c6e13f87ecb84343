"""How strange a sample is: the mean logarithm of three views of it.

One of them is its distance from the most like it that was before (the left matrix profile; Yeh and others 2016, *Matrix
profile I*).
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.terms import Terms
from sentio.judgement.track import BINS, RING, Track
from sentio.judgement.units import LEAST, MEAN_TO_SCALE, SHIFT
from sentio.types import Floats

_MOST_OF_ONE = 25.0
"""Scales: no view may outvote the two others."""
_LIKE = 6
"""Samples in a row that are looked for in the past."""


@part
def strangeness(z_near: float, z_far: float, z_new: float, terms: Terms) -> float:
    """Mean logarithm of three views; a sample on a side that is not asked for is as if it was expected."""
    if not (terms.above if z_far > 0 else terms.below):
        return LEAST
    total = 0.0
    for z in (z_near, z_far, z_new):
        total += np.log(min(abs(z), _MOST_OF_ONE) + SHIFT)
    return total / 3


@part
def is_small(near: float, far: float, expected: float, terms: Terms) -> bool:
    """Whether the deviation is smaller than what anybody wants to be told of. What the near-term correction has
    followed is as ``far`` off as it was: a shift does not become smaller by lasting."""
    return bool(max(abs(near), abs(far)) < max(terms.units, terms.part * abs(expected)))


@part
def off_yesterday(track: Track, s: int, day: int, value: float) -> float:
    """Units by which ``value`` is out of what came at this time of the day before, or next to it; infinity where
    nothing did."""
    low, high = np.inf, -np.inf
    for mean in (track.replaced[s], track.yesterday[s, day], track.yesterday[s, (day + 1) % BINS]):
        if np.isfinite(mean):
            low, high = min(low, mean), max(high, mean)
    return float(max(low - value, value - high, 0.0))


@part
def nearer(z: float, distance: float) -> float:
    """``z``, but no further off than ``distance``."""
    return float(min(max(z, -distance), distance))


@part
def novel(track: Track, s: int, value: float, sigma: float, whole: int) -> tuple[float, float]:
    """How far the newest samples are from the most like them before, in units and in usual distances; -1 and 1 while
    there are too few. The sample is put into the ring. ``whole``: samples without a gap, this one among them."""
    n = int(track.seen[s])
    ring, place = track.ring[s], n % RING
    if n == 0:
        track.origin[s] = value
    ring[place] = value - track.origin[s]
    if n < _LIKE + 8:
        return -1.0, 1.0
    like = min(whole, _LIKE)
    distance = _nearest(ring, place, min(n + 1, RING), like) + 0.2 * sigma
    if not np.isfinite(distance):
        # Farther than can be told, and no measure of what is usual.
        return -1.0, _MOST_OF_ONE
    learned = distance if like == _LIKE else -1.0
    if track.novelty[s, 1] < 5:
        return learned, 1.0
    usual = MEAN_TO_SCALE * track.novelty[s, 0]
    if like < _LIKE:
        # Few samples are always like some others: that says nothing, but that they are not does.
        return learned, max(1.0, np.sqrt(_LIKE / like) * distance / usual)
    return learned, distance / usual


@part
def _nearest(ring: Floats, place: int, filled: int, like: int) -> float:
    """Distance of the ``like`` samples up to ``place`` from those most like them among the ``filled`` ones."""
    # The newest first, and all windows at once: loops without a branch, of which the processor does several at a time.
    newest, total = np.empty(RING, np.float32), np.zeros(RING)
    for i in range(min(place + 1, filled)):
        newest[i] = ring[place - i]
    for i in range(place + 1, filled):
        newest[i] = ring[place - i + RING]
    for k in range(like):
        one = newest[k]
        for back in range(2, filled - _LIKE):
            off = one - newest[back + k]
            total[back] += off * off
    best = np.inf
    for back in range(2, filled - _LIKE):
        best = min(best, total[back])
    return float(np.sqrt(best))
