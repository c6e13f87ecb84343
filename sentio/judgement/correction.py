"""What the newest errors say of the next one, as it is learned.

By recursive least squares with forgetting (Haykin 2002, *Adaptive Filter Theory*, ch. 9), beginning as a random walk
that leans on the level. What it learns from is cut off at `_CLIP` scales.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.terms import Ahead, Terms
from sentio.judgement.track import LAGS, MOST_DAYS, Track
from sentio.judgement.units import A_DAY, BINS_NS
from sentio.types import Floats

_CLIP = 3.0
"""Scales at which an error is cut off before anything is learned from it."""
_MEMORY_DAYS = 5.0
"""Of the near-term correction."""


@part
def learn_errors(track: Track, s: int, step: int, error: float, ahead: Ahead, terms: Terms) -> None:
    day, near_scale, far_scale = ahead.day, ahead.near_scale, ahead.far_scale
    n = track.seen[s]
    rate = max(1 / (n + 1), min(0.2, step / (7 * A_DAY)))
    miss, off = error - ahead.lags.foretold, error - ahead.base
    near, far = min(abs(miss), _CLIP * near_scale) / ahead.lags.growth, min(abs(off), _CLIP * far_scale)
    if n > 0:
        track.near[s] += rate * (near - track.near[s])
        track.far[s] += rate * (far - track.far[s])
    track.days[s, day] = min(track.days[s, day] + 1, MOST_DAYS)
    a_week = min(0.2, step / (7 * BINS_NS)) if step < BINS_NS else 1 / 14
    rate = max(1 / track.days[s, day], a_week)
    of_near, of_far = near / max(track.near[s], 1e-300), far / max(track.far[s], 1e-300)
    track.near_of_day[s, day] += np.float32(rate * (min(of_near, 20.0) - track.near_of_day[s, day]))
    track.far_of_day[s, day] += np.float32(rate * (min(of_far, 20.0) - track.far_of_day[s, day]))
    cut = min(max(off, -_CLIP * far_scale), _CLIP * far_scale)
    if track.days[s, day] > 2:
        track.profile[s, day] += np.float32(0.5 * min(rate, 0.1) * cut)
    slow = max(step / terms.accept_after, 0.0)
    track.level[s] += min(slow, 1.0) * cut
    if ahead.lags.steps == 1 and track.since[s] > 2:
        # What was foretold, or comes after a gap, does not follow from the one step before.
        cut = min(max(miss, -_CLIP * near_scale), _CLIP * near_scale)
        _learn_weights(track, s, step, cut / ahead.sigma, ahead.lags.x)


@part
def _learn_weights(track: Track, s: int, step: int, miss: float, x: Floats) -> None:
    keep = 1 - 1 / max(60.0, _MEMORY_DAYS * A_DAY / step)
    p = track.precision[s]
    gain = _times(p, x)
    norm = keep
    for a in range(LAGS):
        norm += x[a] * gain[a]
    trace = 0.0
    for a in range(LAGS):
        track.weights[s, a] += gain[a] / norm * miss
        for b in range(LAGS):
            p[a, b] = (p[a, b] - gain[a] * gain[b] / norm) / keep
        trace += p[a, a]
    if trace > 1e3:
        p *= 1e3 / trace


@part
def _times(p: Floats, x: Floats) -> Floats:
    out = np.zeros(LAGS)
    for a in range(LAGS):
        for b in range(LAGS):
            out[a] += p[a, b] * x[b]
    return out
