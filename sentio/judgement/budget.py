"""How often a series is told of for evidence alone: two budgets for each, beside the one for strange samples. One is
for what lasts far off, of which there may be much, and which is not to keep a series that has died from being told of.

A leaky bucket (Turner 1986, *New directions in communications*): an episode puts the next one further away, to where
its evidence must be stronger, and time brings it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from sentio.compiled import kernel, record
from sentio.judgement.evidence import Evidence
from sentio.types import SECOND, Array, Bools, Floats

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


def tell(
    memory: Mapping[str, Array], step: int, a_day: float, evidence: Evidence, counts: Bools
) -> tuple[dict[str, Array], Floats]:
    """The memory after ``evidence [S, m]``, ``step`` ns apart, and what is told of it: decades above 1, ``[S, m]``; NaN
    where it is nothing.

    ``a_day``: episodes of one series that are all right. ``counts [S, m]``: whether evidence says anything then. An
    episode that has begun lasts as long as its evidence does. The memory that is given stays as it is. Any cut in time
    gives the same bits.
    """
    budget = np.array(memory[BUDGET])
    strong = np.maximum(np.maximum(evidence.stuck, evidence.zeroed), evidence.absent)
    found = np.where(counts, np.stack((strong, evidence.lasting)), 0.0)
    told = np.full(found.shape, np.nan)
    _tell(step, a_day, found, cast(Budget, budget), told)
    # How strange what is far off is, the score says: to last does not put it above what is stranger elsewhere.
    return {BUDGET: budget}, np.where(np.isnan(told[0]) & np.isfinite(told[1]), 0.0, told[0])


@kernel
def _tell(step: int, a_day: float, found: Floats, budget: Budget, told: Floats) -> None:
    cost, apart = _COST / max(a_day, 1.0), max(3.0, _APART / step)
    leak = cost * a_day * step / _DAY
    for k in range(found.shape[0]):
        for s in range(found.shape[1]):
            for j in range(found.shape[2]):
                budget.spent[s, k] = max(budget.spent[s, k] - leak, -cost)
                budget.untold[s, k] += 1
                begins = budget.untold[s, k] > apart
                if begins:
                    budget.wanted[s, k] = min(max(budget.spent[s, k], 0.0), _COST)
                if found[k, s, j] < 1 or np.log10(found[k, s, j]) < budget.wanted[s, k]:
                    continue
                if begins:
                    budget.spent[s, k] += cost
                budget.untold[s, k] = 0
                told[k, s, j] = np.log10(found[k, s, j])
