"""What the hours of the day reach, on either side: a level that a few a day exceed, and by how much they do.

Peaks over threshold (Coles 2001, *An Introduction to Statistical Modeling of Extreme Values*, ch. 4), cut off so that
incidents do not count, and weighed with a prior.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.habits import learn_habits
from sentio.judgement.track import CLASSES, Track
from sentio.judgement.units import A_DAY, AN_HOUR

_TAIL_DAYS = 60.0
"""Of what the hours reach."""
_CLASS = 0.125
"""Width of a class of strangeness."""
HOURS_A_DAY = 1.5
"""Hours a day that reach what is usual, on either side."""
PRIOR_USUAL, PRIOR_EXCESS = 1.0, 0.35
"""Of a quiet series: what is usual, and by how much that is exceeded on average;"""
_PRIOR_DAYS, PRIOR_PEAKS = 2.0, 5.0
"""and what they are worth."""
_CUT = 2.0
"""An excess counts as so many times the mean at most: incidents are no part of the tail."""


@part
def turn_hour(track: Track, s: int, t: int, step: int) -> None:
    """Where another hour has begun, count what the last one has reached."""
    length = max(AN_HOUR, step)
    hour = int(t // length)
    if hour == track.hour_of[s]:
        return
    if track.hour_of[s] < 0:
        _begin_tail(track, s, length)
    else:
        keep = 1 - length / (_TAIL_DAYS * A_DAY)
        track.watched[s] = track.watched[s] * keep + length / A_DAY
        for side in range(2):
            track.peaks[s, side] *= np.float32(keep)
            at = min(max(int(track.peak[s, side] / _CLASS), 0), CLASSES - 1)
            track.peaks[s, side, at] += np.float32(1)
            _follow_tail(track, s, side)
        if length == AN_HOUR:
            learn_habits(track, s, hour)
    track.hour_of[s] = hour
    track.peak[s] = -9.0


@part
def _begin_tail(track: Track, s: int, length: float) -> None:
    """As if a quiet series had been watched for `_PRIOR_DAYS`."""
    hours = A_DAY / length
    for c in range(CLASSES):
        high = min(hours, HOURS_A_DAY * np.exp(-(c * _CLASS - PRIOR_USUAL) / PRIOR_EXCESS))
        low = min(hours, HOURS_A_DAY * np.exp(-((c + 1) * _CLASS - PRIOR_USUAL) / PRIOR_EXCESS))
        if c == 0:
            high = hours
        track.peaks[s, :, c] = np.float32(_PRIOR_DAYS * (high - low))
    track.watched[s] = _PRIOR_DAYS
    track.usual[s], track.excess[s] = PRIOR_USUAL, PRIOR_EXCESS


@part
def _follow_tail(track: Track, s: int, side: int) -> None:
    """What `HOURS_A_DAY` hours a day reach, and by how much they exceed it."""
    peaks = track.peaks[s, side]
    wanted, above, c = HOURS_A_DAY * track.watched[s], 0.0, CLASSES - 1
    while c > 0 and above + peaks[c] < wanted:
        above += peaks[c]
        c -= 1
    within = min(max(wanted - above, 0.0), peaks[c])
    usual = _CLASS * (c + 1) - _CLASS * min(1.0, within / max(peaks[c], 1e-12))
    number, most = within + above, _CUT * track.excess[s, side]
    total = within * min((_CLASS * (c + 1) - usual) / 2, most)
    for higher in range(c + 1, CLASSES):
        total += peaks[higher] * min(_CLASS * (higher + 0.5) - usual, most)
    track.usual[s, side] = usual
    # Of an exponential that is cut at `_CUT` means, what is left of the mean.
    mean = (total / (1 - np.exp(-_CUT)) + PRIOR_EXCESS * PRIOR_PEAKS) / (number + PRIOR_PEAKS)
    track.excess[s, side] = max(0.05, mean)
