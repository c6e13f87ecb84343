"""What is brief and comes again and again: a series that is older than four weeks comes to have as many flags of it as
are asked for.

A leaky bucket (Turner 1986, *New directions in communications*) for each side, behind the one of `score`. It has a say
in what is published, and in nothing that the judge learns.
"""

from __future__ import annotations

from sentio.compiled import part
from sentio.judgement.score import begins, faded, gain
from sentio.judgement.terms import Terms
from sentio.judgement.track import Track
from sentio.judgement.units import A_DAY
from sentio.types import SECOND

_YOUNG = 28.0
"""Days of a series until which all of it is told of: what comes each day may be what someone is to mend."""
_BRIEF = 600.0 * SECOND
"""An episode that is still flagged so long after its first flag lasts, and is told of."""


@part
def published(track: Track, s: int, t: int, step: int, side: int, score: float, over: float, terms: Terms) -> float:
    """The score to be published of a sample at ``t``, which is ``over`` its threshold by so much strangeness."""
    if score <= 1:
        return score
    _again(track, s, t, step, side, terms)
    if track.spate[s] * A_DAY > max(_BRIEF, step) - 0.01 * step:
        track.owed[s] = 0
    elif track.age[s] >= _YOUNG * A_DAY and track.owed[s, 0] + track.owed[s, 1] == 0:
        if max(over, 0.0) < track.brief[s, side]:
            return faded(over - track.brief[s, side])
        track.owed[s, side] = track.price[s]
    return score


@part
def _again(track: Track, s: int, t: int, step: int, side: int, terms: Terms) -> None:
    """Remember a flag, told of or not, and at the first one of an episode put into its bucket what is owed for the one
    before. It leaks, and is empty where nothing was for as long as from one flag that is asked for to the next."""
    days, new = (t - track.flagged[s]) / A_DAY, begins(track, s, step)
    track.flagged[s] = t
    track.spate[s] = 0 if new else track.spate[s] + days
    for k in range(2):
        track.calm[s, k] += days
        if new:
            track.brief[s, k] += track.owed[s, k]
            track.owed[s, k] = 0
        track.brief[s, k] = max(track.brief[s, k] - gain(terms) * terms.budget * days, 0.0)
        if track.calm[s, k] > 1 / terms.budget:
            track.brief[s, k] = 0
    if new:
        # A bad day is no habit: all within a seventh of the time from one flag that is asked for to the next is as one.
        track.price[s] = gain(terms) * min(7 * terms.budget * track.calm[s, side], 1.0)
    track.calm[s, side] = 0
