"""The part of the day that is under way, and what is known of each where the clocks are put forward or back."""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.terms import Terms
from sentio.judgement.track import BINS, Track
from sentio.judgement.units import BINS_NS


@part
def turn_day(track: Track, s: int, t: int, terms: Terms) -> None:
    """Where another part of the day has begun, keep the mean of the last one for tomorrow."""
    now, before = t // BINS_NS, track.part[s]
    if now == before:
        return
    later = _put_back(before, now, terms)
    track.replaced[s] = track.yesterday[s, (now - 1 - later) % BINS]
    if track.today[s, 1] > 0:
        track.yesterday[s, before % BINS] = track.today[s, 0] / track.today[s, 1]
    track.today[s] = 0
    track.part[s] = now
    if later != 0:
        _move(track, s, later)


@part
def _put_back(before: int, now: int, terms: Terms) -> int:
    """Hours by which people's clock was put back after hour ``before`` and up to hour ``now``; where the machine's was
    set back, it is as if that had not been."""
    hours = 0
    for k in range(len(terms.clock)):
        if before < terms.clock[k, 0] <= now:
            hours -= terms.clock[k, 1]
        elif now < terms.clock[k, 0] <= before:
            hours += terms.clock[k, 1]
    return hours


@part
def _move(track: Track, s: int, later: int) -> None:
    """From now on what comes each day does so so many hours ``later``, as the sun sees it."""
    track.profile[s] = np.roll(track.profile[s], later)
    track.near_of_day[s] = np.roll(track.near_of_day[s], later)
    track.far_of_day[s] = np.roll(track.far_of_day[s], later)
    track.days[s] = np.roll(track.days[s], later)
    track.yesterday[s] = np.roll(track.yesterday[s], later)
    track.habit[s] = np.roll(track.habit[s], later)
    track.habit_size[s] = np.roll(track.habit_size[s], later)
