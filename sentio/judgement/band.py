"""The band, and how well the forecast does.

Its edges follow the share of samples outside (Gibbs and Candès 2021, *Adaptive conformal inference under distribution
shift*), in logarithms, so that a distance stays a distance.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.terms import Ahead, Terms, Verdict
from sentio.judgement.track import Singles, Track
from sentio.judgement.units import A_DAY, AN_HOUR

_EDGE_GAIN, _OUTLIERS = 0.2, 2.0
"""By how much a sample outside the band moves its edge: hourly series have few. What is anomalous and lasts for more
samples is no tail of what is usual."""


@part
def learn_band(track: Track, s: int, step: int, value: float, ahead: Ahead, flagged: bool, terms: Terms) -> None:
    """Move each edge out where the sample is beyond it, and in where it is not."""
    n = track.seen[s]
    miss, scale = value - ahead.expected, ahead.near_scale
    over = abs(value - ahead.model) / max(ahead.half, 1e-300)
    low, high = miss < -scale * np.exp(track.edges[s, 0]), miss > scale * np.exp(track.edges[s, 1])
    track.beyond[s] = track.beyond[s] + 1 if low or high else 0
    if track.beyond[s] > (_OUTLIERS if flagged else max(10.0, 3 * AN_HOUR / step)):
        return
    gain = max(_EDGE_GAIN, min(0.5, 10 / (n + 1)))
    side = terms.outside / 2
    track.edges[s, 0] += gain * ((1.0 if low else 0.0) - side)
    track.edges[s, 1] += gain * ((1.0 if high else 0.0) - side)
    for i in range(2):
        track.edges[s, i] = min(max(track.edges[s, i], -1.0), 8.0)
    track.reach[s] += gain * ((1.0 if over > np.exp(track.reach[s]) else 0.0) - terms.outside)
    track.reach[s] = min(max(track.reach[s], -1.0), 4.0)


@part
def learn_figures(track: Track, s: int, step: int, value: float, ahead: Ahead, inside: bool) -> None:
    rate = max(1 / (track.seen[s] + 1), min(0.1, step / A_DAY))
    r = track.rolling[s]
    r[0] += rate * ((1.0 if inside else 0.0) - r[0])
    r[1] += rate * (value - ahead.expected - r[1])
    if not np.isfinite(ahead.naive):
        return
    error = value - ahead.model
    r[2] += rate * (abs(error - track.level[s]) - r[2])
    r[3] += rate * (abs(value - ahead.naive) - r[3])
    r[4] += rate * (abs(error - ahead.lags.foretold) - r[4])
    _contest(track.naive[s, 0], r[4], r[3], step)
    _contest(track.naive[s, 1], r[2], r[3], step)


@part
def _contest(naive: Singles, of_model: float, of_naive: float, step: int) -> None:
    """The other one is the better one once its errors were smaller for a day."""
    losing = of_model > 1.05 * of_naive if naive[1] == 0 else of_naive > 0.95 * of_model
    naive[0] = naive[0] + step if losing else 0.0
    if naive[0] >= A_DAY:
        naive[0], naive[1] = 0.0, 1 - naive[1]


@part
def figures(track: Track, s: int, j: int, out: Verdict) -> None:
    r = track.rolling[s]
    out.coverage[s, j] = r[0]
    out.bias[s, j] = r[1]
    if r[3] > 0:
        out.skill[s, j] = 1 - r[2] / r[3]
