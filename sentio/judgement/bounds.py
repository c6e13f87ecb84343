"""How long a run may be, learned from the runs that have ended.

Above a length ``u`` that enough of them have exceeded, their excesses are taken as geometric (peaks over threshold;
Coles 2001, *An Introduction to Statistical Modeling of Extreme Values*, ch. 4), and a run is abnormal that is longer
than all that are expected within 100 weeks. Further thresholds above ``u`` may make the bound longer and never shorter,
so that a mixture, such as noisy days and quiet nights, is bounded by its slowest part.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.types import SECOND, Array

WITHIN = 100 * 7 * 86_400 * SECOND
"""One false detection in this time of one series."""
LEAST_EQUAL, LEAST_MISSING = 4.0, 3.0
"""Shorter runs are never abnormal."""
FORGIVEN = 3
"""Abnormal runs that do not count as what is usual."""
SECOND_NIGHT = 36 * 3600 * SECOND
"""What was seen for less may have had one night."""
_OFTEN, _CAREFUL = 0.1, 2.5
"""Until then the bound of a series of whose samples this part repeats is this much longer."""
_RUNS = 20
"""Runs that must have ended before a run is judged."""
_ENOUGH = 30
"""Runs above a threshold that fix the tail."""
_REMEMBERED = 65_536
"""Runs of like length after which the older ones count half: at 15 s it takes 11 days at least, so that nights are not
forgotten by day."""


@part
def record(lengths: Array, longest: Array, length: int, horizon: float, odd: Array) -> None:
    """A run of ``length`` has ended. The first abnormal ones do not count, so that an incident does not make the next
    one normal, and further ones as the longest that is not: what comes every night is normal in the end."""
    if length > LEAST_MISSING:
        bound = max(LEAST_EQUAL, plausible(lengths, longest, horizon))
        if length > bound:
            odd[0] += 1
            if odd[0] <= FORGIVEN:
                return
            odd[0] = FORGIVEN
            length = int(np.ceil(bound))
    b, top = 0, 1
    while length > top and b < len(lengths) - 1:
        b += 1
        top *= 2
    lengths[b, 0] += 1
    lengths[b, 1] += length
    if length > longest[0]:
        longest[1] = longest[0]
        longest[0] = length
    elif length > longest[1]:
        longest[1] = length
    if lengths[b, 0] >= _REMEMBERED:
        lengths *= np.float32(0.5)
        longest *= np.float32(0.9)


@part
def plausible(lengths: Array, longest: Array, horizon: float) -> float:
    """The length that no run within ``horizon`` steps should have; infinity where too few have ended."""
    runs, steps = 0.0, 0.0
    for b in range(len(lengths)):
        runs += lengths[b, 0]
        steps += lengths[b, 1]
    if runs < _RUNS:
        return np.inf
    careful = _CAREFUL if steps < horizon * SECOND_NIGHT / WITHIN and steps - runs > _OFTEN * steps else 1.0
    # The longest run counts as the second longest: one incident of the past does not make the next one normal.
    once = longest[0] - longest[1]
    bound, number, total = 0.0, 0.0, -once
    for b in range(len(lengths) - 1, -1, -1):
        number += lengths[b, 0]
        total += lengths[b, 1]
        if number < 2:
            continue
        above = 0.0 if b == 0 else 2.0 ** (b - 1)
        excess = max(number, total - above * number)
        repeats = excess - number
        # The share of repeats is put 1.5 standard errors above what was seen.
        surely = repeats + 1 + 1.5 * np.sqrt(repeats * (1 + repeats / number))
        q = surely / (surely + number + 1)
        further = 1 + np.log(max(1.0, horizon * number / (steps - once))) / -np.log(q)
        bound = max(bound, above + further)
        if number >= _ENOUGH:
            break
    return careful * bound
