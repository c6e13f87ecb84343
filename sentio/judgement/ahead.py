"""What is expected of a sample before it is looked at, and how large an error is usual at this time of day."""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.band import figures
from sentio.judgement.day import turn_day
from sentio.judgement.evidence import NEVER
from sentio.judgement.lags import pass_on, steps_since
from sentio.judgement.terms import Ahead, Terms, Verdict
from sentio.judgement.track import BINS, Track
from sentio.judgement.units import AN_HOUR, BINS_NS, MEAN_TO_SCALE

_EXACT, _LEAST = 1e-12, 1e-30
"""A model is not taken to be nearer than by this part of what it expects, or by so little of any unit."""


@part
def look_ahead(track: Track, s: int, t: int, step: int, model: float, half: float, terms: Terms) -> Ahead:
    day = int(t // BINS_NS) % BINS
    sigma = max(half / 2.5758, _EXACT * abs(model), _LEAST, 0.3 * terms.resolution)
    if track.seen[s] == 0:
        _begin(track, s, sigma)
    turn_day(track, s, t, terms)
    naive = float(track.yesterday[s, day])
    if track.at[s] != NEVER and t - track.at[s] > max(AN_HOUR, 3.5 * step):
        track.lasting[s] = 0
    base = track.level[s] + track.profile[s, day]
    least = max(0.15 * sigma, 0.3 * terms.resolution)
    near_scale = _scale(track.near[s], track.near_of_day[s, day], track.days[s, day])
    far_scale = max(_scale(track.far[s], track.far_of_day[s, day], track.days[s, day]), least)
    # However far ahead, no more is unknown than without any correction.
    most = max(1.0, far_scale / near_scale)
    lags = pass_on(track, s, steps_since(track, s, t, step), step, base, sigma, far_scale, most)
    expected = naive if _stands_in(track, s) and np.isfinite(naive) else model + lags.foretold
    # The edges of the band are in scales that are no smaller than the least.
    near_scale = lags.growth * max(near_scale, least)
    return Ahead(day, model, half, sigma, naive, base, near_scale, far_scale, lags, expected)


@part
def _begin(track: Track, s: int, sigma: float) -> None:
    """Before anything is known, errors are taken to be as large as the model says."""
    track.near[s] = 0.5 * sigma
    track.far[s] = 0.8 * sigma


@part
def _scale(size: float, of_day: float, days: float) -> float:
    """The usual size of an error, and by so much more or less as this time of day has."""
    if days > 3:
        weight = min(1.0, days / 30.0)
        size *= 1 - weight + weight * min(max(of_day, 0.5), 3.0)
    return float(max(MEAN_TO_SCALE * size, 1e-300))


@part
def is_doubted(track: Track, s: int, ahead: Ahead) -> bool:
    """Whether seasonal naive is better than the model, so that what came a day before is asked for what is far off: a
    slow drift the near-term correction follows, and from a bad model all is far."""
    return bool(track.naive[s, 1, 1] > 0 and np.isfinite(ahead.naive))


@part
def _stands_in(track: Track, s: int) -> bool:
    """Whether seasonal naive is better than the model, corrected or not: what is corrected is published."""
    return bool(track.naive[s, 0, 1] > 0 and track.naive[s, 1, 1] > 0)


@part
def foretell(track: Track, s: int, j: int, ahead: Ahead, out: Verdict) -> None:
    """What is said of a sample whether or not it comes."""
    out.expected[s, j] = ahead.expected
    # What came a day before has what the model is off by already.
    out.base[s, j] = ahead.naive if is_doubted(track, s, ahead) else ahead.model + ahead.base
    out.scale[s, j] = ahead.far_scale
    out.lower[s, j] = ahead.expected - ahead.near_scale * np.exp(track.edges[s, 0])
    out.upper[s, j] = ahead.expected + ahead.near_scale * np.exp(track.edges[s, 1])
    out.widening[s, j] = np.exp(track.reach[s])
    out.fallback[s, j] = 1.0 if _stands_in(track, s) else 0.0
    if track.seen[s] > 0:
        figures(track, s, j, out)
