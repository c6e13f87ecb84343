"""What is brief and comes again and again: from its fifth week on a series has as many flags of it as are asked for.

A leaky bucket (Turner 1986, *New directions in communications*) for each side, behind the one of `score`. It has a say
in what is published and in nothing else: what is usual, and what is anomalous and not learned from, is as without it.
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
"""What goes on for longer, with less than an hour between, lasts, and is told of."""


@part
def told(track: Track, s: int, t: int, step: int, side: int, score: float, over: float, terms: Terms) -> float:
    """The score to be published of a sample at ``t``, which is ``over`` its threshold by so much strangeness."""
    new = begins(track, s, step)
    _pass(track, s, (t - track.at[s]) / A_DAY, new, terms)
    if score <= 1:
        return score
    track.calm[s, side] = 0
    if new:
        track.spate[s] = 0
    if track.spate[s] * A_DAY >= max(_BRIEF, step) - 0.5 * step:
        track.owed[s] = 0
    elif track.age[s] >= _YOUNG * A_DAY and track.owed[s] == 0:
        if over <= track.brief[s, side]:
            return faded(over - track.brief[s, side])
        # A bad day is no habit: all within a seventh of the time from one flag that is asked for to the next is as one.
        cost = gain(terms) * min(7 * terms.budget * track.rest[s], 1.0)
        track.owed[s] = cost if side == 0 else -cost
        track.rest[s] = 0
    return score


@part
def _pass(track: Track, s: int, days: float, over: bool, terms: Terms) -> None:
    """Let the buckets leak. What was told of is put into its own once it is ``over``, and was brief; where there is
    nothing to be told of for as long as from one flag that is asked for to the next, they empty in about a day."""
    owed = track.owed[s] if over else 0.0
    for k in range(2):
        track.brief[s, k] = max(track.brief[s, k] - gain(terms) * terms.budget * days, 0.0)
        track.brief[s, k] += max(owed if k == 0 else -owed, 0.0)
        track.calm[s, k] += days
        if track.calm[s, k] > 1 / terms.budget:
            track.brief[s, k] *= max(1 - days, 0.0)
    if over:
        track.owed[s] = 0
    track.spate[s] += days
    track.rest[s] += days
