"""What lasts at the same hour of each day. It is flagged and never learned, so it is remembered here."""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.track import HOURS, Track
from sentio.judgement.units import AN_HOUR, LEAST, STILL_FAR
from sentio.types import SECOND

_LASTS, _LEAST_LASTING = 1800.0 * SECOND, 2.0
"""What is far off to one side for so long, and for so many samples, may be what comes at this hour each day."""
_ALIKE, _LESS_ALIKE = 2.0, 0.9
"""What is this many times as far off is another thing; and what is left of that size on each further day."""
_GROWS, _WANES = 0.6, 0.45
"""By how much a habit grows with a day on which it came, and fades with one on which it did not."""
_EXACT = 64.0
"""Parts of 1 in which habits are kept: small numbers, of which there are many."""


@part
def habitual(track: Track, s: int, step: int, off: float) -> float:
    """The strangeness that comes at this hour each day, of what is as far ``off``; 0 where nothing does."""
    hour = track.hour_of[s] % HOURS
    comes = step <= AN_HOUR and off <= _ALIKE * track.habit_size[s, hour]
    return track.habit[s, hour] / _EXACT if comes else 0.0


@part
def learn_hour(track: Track, s: int, step: int, strange: float, z_far: float, off: float) -> None:
    """What this hour reaches, and whether something lasts in it."""
    count, sign = track.lasting[s], 1 if z_far > 0 else -1
    far = strange > LEAST and abs(z_far) > STILL_FAR
    track.lasting[s] = (max(count * sign, 0) + 1) * sign if far else 0
    track.reached[s, 0, 0] = max(track.reached[s, 0, 0], strange)
    track.reached[s, 0, 2] = max(track.reached[s, 0, 2], off)
    if abs(track.lasting[s]) >= max(_LEAST_LASTING, _LASTS / step):
        track.reached[s, 0, 1] = 1.0


@part
def learn_habits(track: Track, s: int, hour: int) -> None:
    """Now that an hour has ended, the one before it is known with both beside it: what comes each day does so a little
    earlier or later. Of hours without a sample there is nothing."""
    reached = track.reached[s]
    for ended in range(track.hour_of[s], min(hour, track.hour_of[s] + HOURS)):
        of_hour = (ended - 1) % HOURS
        lasted, most, size = 0.0, 0.0, 0.0
        for i in range(3):
            most = max(most, reached[i, 0])
            if reached[i, 1] > 0:
                lasted, size = max(lasted, reached[i, 0]), max(size, reached[i, 2])
        before = track.habit[s, of_hour] / _EXACT
        habit = _habit(before, lasted, most)
        kept = _LESS_ALIKE if habit < before or lasted > 0 else 1.0
        track.habit_size[s, of_hour] = np.float32(max(kept * track.habit_size[s, of_hour], size))
        track.habit[s, of_hour] = np.uint8(habit * _EXACT)
        reached[1:] = reached[:2].copy()
        reached[0] = 0.0


@part
def _habit(habit: float, lasted: float, most: float) -> float:
    """``habit`` after a day on which the hour has reached ``most``, and ``lasted`` in what was far off for long."""
    if lasted > habit:
        return min(lasted, habit + _GROWS)
    # It stays while the hour is strange at all: once its middle is expected its edges are not yet.
    return min(habit, max(most, habit - _WANES))
