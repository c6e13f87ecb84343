"""How often a series is told of for evidence alone: two budgets for each, beside the one for strange samples. One is
for what lasts far off, of which there may be much, and which is not to keep a series that has died from being told of.

A leaky bucket (Turner 1986, *New directions in communications*): an episode puts the next one further away, to where
its evidence must be stronger, and time brings it back.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from sentio.compiled import part, record
from sentio.types import SECOND, Array, Floats

_DAY = 86_400.0 * SECOND
_APART = 3600.0 * SECOND
"""Evidence nearer than that is of one episode."""
_COST = 0.6
"""Decades by which the evidence of the next episode must be stronger: four times. One episode is owed to a series that
has had none, and no more. Nor is a series silenced: four times is enough, however many it had."""


class Budget(Protocol):
    """Of ``S`` series, of what stands still, is missing or zero, and of what lasts: an array of `RECORD`, of which each
    field is an array, as kernels read it."""

    spent: Floats
    """``[S, 2]`` decades above 1 that the next episode must reach, for those that were told of; negative: owed."""
    wanted: Floats
    """``[S, 2]`` and those that the episode that is under way had to reach."""
    untold: npt.NDArray[np.int64]
    """``[S, 2]`` steps since the evidence that was told of last."""


BUDGET = "budget"
"""In a state."""
RECORD = record(Budget, spent=(2,), wanted=(2,), untold=(2,))
"""What `Budget` holds of one series."""


def blank(series: int) -> dict[str, Array]:
    """The budget of ``series`` of which nothing is known, for `tell`."""
    budget = np.zeros(series, RECORD)
    budget["untold"] = 1 << 40
    return {BUDGET: budget}


STRONG, LASTING = 0, 1
"""Which budget: of what stands still, is missing or zero; and of what lasts far off."""


@part
def tell(budget: Budget, s: int, which: int, step: int, a_day: float, found: float) -> float:
    """Decades above 1 of the evidence ``found`` that are told of series ``s`` at this step; NaN where it is nothing.

    ``found`` is 0 where there is none, or where it says nothing. ``a_day``: episodes of one series that are all right.
    An episode that has begun lasts as long as its evidence does.
    """
    cost = _COST / max(a_day, 1.0)
    budget.spent[s, which] = max(budget.spent[s, which] - cost * a_day * step / _DAY, -cost)
    budget.untold[s, which] += 1
    begins = budget.untold[s, which] > max(3.0, _APART / step)
    if begins:
        budget.wanted[s, which] = min(max(budget.spent[s, which], 0.0), _COST)
    if found < 1 or np.log10(found) < budget.wanted[s, which]:
        return np.nan
    if begins:
        budget.spent[s, which] += cost
    budget.untold[s, which] = 0
    return float(np.log10(found))
