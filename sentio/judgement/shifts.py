"""What the errors are about: the level, another model, and what has lasted so long that it is the new normal."""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.terms import Terms
from sentio.judgement.track import BINS, LAGS, Track
from sentio.judgement.units import AN_HOUR, BINS_NS, LARGE, MEAN_TO_SCALE, SOUND

_FOLLOWED = 0.5
"""The part of the way to a new model that the level goes at once, and in scales the most of it."""
FAR = 0.5 * LARGE
"""Scales from which a deviation may be a shift."""
_MOVES = 1e3
"""Scales in one step: a series that moves so far has stood still before."""
_LEAST_SHIFT = 12.0
"""Samples for which a shift must last, whatever is known of where it leads to."""


@part
def restart(track: Track, s: int, step: int) -> None:
    """Another distance between samples: what is known of one step ahead is of no use."""
    if track.step[s] > 0:
        # Errors one step ahead can hardly be larger on a finer grid; they are soon known.
        track.weights[s] = 0.0
        track.weights[s, 3] = 0.2
        track.precision[s] = np.eye(LAGS)
        track.spacing[s], track.novelty[s] = 1.0, 0.0
        track.reached[s], track.lasting[s] = 0.0, 0
        # The scales are good ones; the rest begins anew.
        track.seen[s] = min(track.seen[s], SOUND)
    track.step[s] = step


@part
def reanchor(track: Track, s: int, change: float) -> None:
    """Another model expects ``change`` less: what the last values were off by is so much more.

    Where nothing is flagged the level follows in part whichever of the two models is nearer to the last hour: a drift
    that the new one knows of is no deviation, and an incident that it has learned from must not be normal at once.
    """
    track.errors[s] += change
    track.hour[s] += change
    track.former[s] += change
    before, stays = track.level[s], track.level[s] + change
    if track.quiet[s] > 0:
        off = track.hour[s] - track.profile[s, int(track.at[s] // BINS_NS) % BINS]
        near = min(max(off, min(before, stays)), max(before, stays))
        most = _FOLLOWED * MEAN_TO_SCALE * track.far[s]
        stays += min(max(_FOLLOWED * (near - stays), -most), most)
    track.level[s] = stays


@part
def follow_shift(track: Track, s: int, step: int, off: float, moved: float, scale: float, terms: Terms) -> None:
    """What has been far from what was expected for long enough is the new normal: where it is, and how it scatters."""
    shifted, far = track.shifted[s], FAR * scale
    track.held[s, 0] += step
    track.moving[s] = track.moving[s] + 1 if moved > _MOVES * scale else 0
    if abs(off) <= far:
        shifted[0] = max(0.0, shifted[0] - 10 * step)
        if shifted[0] == 0:
            shifted[1] = 0.0
        return
    shifted[0] += step
    shifted[1] += (off - shifted[1]) * max(step / shifted[0], 0.02)
    if _back(track, s, step, far):
        _shift(track, s, track.held[s, 1])
    # What had stood still and is in motion now has no past that it could be judged by.
    elif shifted[0] >= _lasting(track, s, step, terms) or track.moving[s] >= SOUND:
        track.near[s] = max(abs(off - shifted[1]), scale)
        track.far[s] = track.near[s]
        track.days[s] = 0
        track.profile[s] = 0
        # All else is learned anew from here, and quickly: what is usual of it, too, for that was another series.
        track.seen[s] = 1
        track.novelty[s] = 0.0
        track.hour_of[s] = -1
        track.habit[s], track.habit_size[s], track.reached[s], track.lasting[s] = 0, 0.0, 0.0, 0
        _shift(track, s, 0.0)
        track.moving[s] = 0
        track.brief[s], track.owed[s] = 0.0, 0.0


@part
def was_in_motion(track: Track, s: int, step: int, still: int) -> bool:
    """Whether what is normal now is known from before the series stood still, ``still`` ns ago: then that says nothing
    of how large deviations are. False where it does not stand still, or that is what is normal."""
    return bool(still > 0 and track.held[s, 0] >= still + _soon(step))


@part
def _lasting(track: Track, s: int, step: int, terms: Terms) -> float:
    """How long the shift must last: in a young series, as long as what was normal before it is known."""
    before = track.held[s, 0] - track.shifted[s, 0]
    return float(min(max(before, _soon(step)), terms.accept_after))


@part
def _back(track: Track, s: int, step: int, far: float) -> bool:
    """Whether the shift is one back to where the series was for longer than it has been here.

    Another way round, what failed for days, was mended and fails again would soon be normal.
    """
    home = abs(track.level[s] + track.shifted[s, 1] - track.former[s]) < far
    better_known = track.shifted[s, 0] >= _soon(step) and track.held[s, 1] > track.held[s, 0]
    # Of what has just been accepted nothing is known yet.
    return bool(home and (better_known or track.seen[s] < SOUND < track.held[s, 1] / step))


@part
def _soon(step: int) -> float:
    """The least time that any shift must last."""
    return max(AN_HOUR, _LEAST_SHIFT * step)


@part
def _shift(track: Track, s: int, known: float) -> None:
    """Take the shift as what is normal, which has been seen for ``known`` ns before."""
    shifted = track.shifted[s]
    track.former[s] = track.level[s]
    track.held[s, 1] = track.held[s, 0] - shifted[0]
    track.held[s, 0] = shifted[0] + known
    track.level[s] += shifted[1]
    shifted[0], shifted[1] = 0.0, 0.0
