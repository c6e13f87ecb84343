"""The score: how strange a sample is beyond what is charged of what is usual, and what is due for earlier flags.

Each flag puts the next one of the series further away, and time brings it back (a leaky bucket; Turner 1986, *New
directions in communications*): a budget.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.habits import habitual
from sentio.judgement.hours import HOURS_A_DAY, PRIOR_EXCESS
from sentio.judgement.rarity import RARE
from sentio.judgement.terms import Terms
from sentio.judgement.track import Track
from sentio.judgement.units import A_DAY, AN_HOUR, LEAST, STILL_FAR

_CHARGED, _FREE = 0.75, 0.7
"""The part that is charged of what is usual beyond what is free: what is strange every day is less so."""
_LEAST_EXCESS, _BEND = 0.2, 0.3
"""How a heavy tail is charged: its mean excess, to this power."""
_STRANGE, A_DECADE = 0.25, 0.35
"""What comes once a week on series at large, beyond what is charged; and by how much less for ten times as often."""
_FADES, _SHARP = 0.7, 10.0
"""Two decades below the flag the score has fallen to 1/e; above it, how soon it grows as the strangeness does."""
_FIRST, _FORETOLD = 1.0, 0.7
"""Days of a series of which the samples foretell what hours reach; and by how much of what they would if none was like
its neighbours."""
_GAIN, _LEAST_DUE = 0.2, -0.4
"""By how much a flag puts the next one further away, to where it is a fourth as frequent. Two are owed to a series that
is quiet, and no more."""
_MOST_DUE = 0.5
"""Nor is a series silenced: this part of what is usual beyond what is free is put on top at most; with what is charged
anyway that is a little more than all of it."""
_LASTING = 0.5
"""With each further sample of its episode a flag is by so much less likely a chance."""
_HELD = 4
"""So few samples after a flag one that is still far off, to the same side, is flagged, too."""
_MOST = 1e6


@part
def scored(
    track: Track, s: int, step: int, side: int, strange: float, z_far: float, off: float, terms: Terms
) -> tuple[float, float]:
    """The score, never above 1 of what nobody wants to be told of, and by how much strangeness the sample is over its
    threshold. What it costs is put into the bucket."""
    worth, asked, due = _worth(track, s, step, side, strange, off), _asked(terms), _due(track, s, side)
    score, over = _score(worth, asked, due), worth - asked - due
    unwanted = strange <= LEAST
    _spend(track, s, step, 0.0 if unwanted else over, terms)
    if unwanted:
        return min(score, 1.0), over
    if track.quiet[s] < _HELD and z_far * track.shifted[s, 1] > 0 and abs(z_far) > STILL_FAR:
        # What stays where an anomaly has brought it is no news to most views, and an anomaly still.
        score = max(score, 1.001)
    return float(min(score, _MOST)), over


@part
def _worth(track: Track, s: int, step: int, side: int, strange: float, off: float) -> float:
    """How strange the sample is on any series: beyond what is charged of what is usual on this one, or of what comes
    at this hour each day and is as far ``off``."""
    charged = max(_CHARGED * (_usual(track, s, step, side) - _FREE), habitual(track, s, step, off) - _FREE, 0.0)
    return float((strange - charged - 1) / _bend(track, s, side))


@part
def _usual(track: Track, s: int, step: int, side: int) -> float:
    """What a few hours a day reach. On the first day, of which hours are too few to know that by, it may be more: what
    as many samples a day reach, by the exponential of `pvalue`."""
    usual, samples = track.usual[s, side], RARE * A_DAY / step / HOURS_A_DAY
    if track.age[s] < _FIRST * A_DAY and samples > 1:
        usual = max(usual, track.quantiles[s, 2] + _FORETOLD * track.tail[s] * np.log(samples))
    return float(usual)


@part
def _bend(track: Track, s: int, side: int) -> float:
    """By how much more must be seen of a heavy tail."""
    return float((max(track.excess[s, side], _LEAST_EXCESS) / PRIOR_EXCESS) ** _BEND)


@part
def _asked(terms: Terms) -> float:
    """The worth that comes as often as the budget on series at large."""
    return float(_STRANGE - A_DECADE * np.log10(7 * terms.budget))


@part
def _due(track: Track, s: int, side: int) -> float:
    """By how much more is wanted of this series, for the flags that it has had."""
    most = _MOST_DUE * max(track.usual[s, side] - _FREE, 0.0) / _bend(track, s, side)
    return float(min(track.due[s], most))


@part
def _score(worth: float, asked: float, due: float) -> float:
    """Above 1 where a flag is to be raised, and there by the worth alone, so that it is the same on every series; what
    was only due, because the series is quiet, is just above 1. Below, 1 is where it would be raised."""
    if worth <= asked + due:
        return faded(worth - asked - due)
    over = _SHARP * (worth - asked)
    return float(1 + (max(over, 0.0) + np.log1p(np.exp(-abs(over)))) / _SHARP)


@part
def faded(over: float) -> float:
    """The score of a sample that is not over its threshold: of less than nothing, 1 and less."""
    return float(np.exp(over / _FADES))


@part
def _spend(track: Track, s: int, step: int, over: float, terms: Terms) -> None:
    """Let the bucket leak, and put a flag into it where the sample is ``over`` the threshold (Turner 1986, *New
    directions in communications*): one for an episode, and less of it with each sample for which that lasts."""
    track.due[s] = max(track.due[s] - gain(terms) * terms.budget * step / A_DAY, _LEAST_DUE)
    if over <= 0:
        return
    if begins(track, s, step):
        track.cost[s] = gain(terms)
        track.due[s] += track.cost[s]
    else:
        track.due[s] -= (1 - _LASTING) * track.cost[s]
        track.cost[s] *= _LASTING


@part
def gain(terms: Terms) -> float:
    """By how much a flag puts the next one further away."""
    return float(_GAIN / max(terms.budget, 1.0))


@part
def begins(track: Track, s: int, step: int) -> bool:
    """Whether a flag would be the first of an episode."""
    return bool(track.quiet[s] + 1 > max(3.0, AN_HOUR / step))
