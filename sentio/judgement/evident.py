"""What is anomalous whatever its size: what stands still, is not there, is zero where hardly anything was, stays far
off, or lies outside the range of the data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentio.compiled import part
from sentio.judgement.budget import LASTING, STRONG, Budget, tell
from sentio.judgement.evidence import Evidence, Runs
from sentio.judgement.runs import describe, take
from sentio.judgement.score import A_DECADE
from sentio.judgement.terms import Terms
from sentio.types import Bools, Floats

_ABOVE, _MOST = 1 + 1e-6, 1.0
"""The score of evidence that is just enough; of ten times as much it is `A_DECADE` more, and so much more at most."""
_OUT_OF_RANGE = 2.0


class Watch(NamedTuple):
    """What is remembered of the runs of ``S`` series, and what is seen of them at ``m`` times."""

    on: bool
    """Whether what is not there did not arrive; else it may not have been read, and there is no evidence."""
    values: Floats
    """``[S, m]`` units: the series themselves, where it is a score of them that is judged; NaN where none arrived."""
    young: Bools
    """``[S]`` seen for so short that a single rest may come each night."""
    runs: Runs
    budget: Budget
    evidence: Evidence


@part
def evident(
    watch: Watch, s: int, j: int, t: int, step: int, expected: float, base: float, scale: float, left_out: bool,
    terms: Terms,
) -> tuple[float, int]:  # fmt: skip
    """The least score of series ``s`` at ``t`` ns for evidence alone, above 1, NaN where there is none; and for how
    many ns it has stood still, where that is told of, or 0.

    ``expected``, ``base`` and ``scale`` are what `Verdict` calls so; NaN where there is no model.
    """
    value = watch.values[s, j]
    if not terms.of_values:
        base, scale = np.nan, np.nan
    strong, lasting = np.nan, np.nan
    if watch.on:
        strong, lasting = _seen(watch, s, j, t, step, value, base, scale, left_out, terms)
        new = watch.runs.gap[s] > 0 or watch.runs.equal[s] < terms.accept_after / step
        if not (new and np.isfinite(expected)):
            strong, lasting = 0.0, 0.0
        strong = tell(watch.budget, s, STRONG, step, terms.budget, strong)
        lasting = tell(watch.budget, s, LASTING, step, terms.budget, lasting)
    if left_out:
        return np.nan, 0
    # How strange what is far off is, the score says: to last does not put it above what is stranger elsewhere.
    least = _ABOVE if np.isfinite(lasting) else np.nan
    if np.isfinite(strong):
        least = _ABOVE + min(_MOST, A_DECADE * strong)
    if value < terms.lowest or value > terms.highest:
        least = float(np.fmax(least, _OUT_OF_RANGE))
    return least, watch.runs.equal[s] * step if np.isfinite(strong) else 0


@part
def _seen(
    watch: Watch, s: int, j: int, t: int, step: int, value: float, base: float, scale: float, left_out: bool,
    terms: Terms,
) -> tuple[float, float]:  # fmt: skip
    """Evidence that the series stands still, is missing or zero, and that it stays far off, of the side and the size
    that are asked for."""
    runs, out = watch.runs, watch.evidence
    stuck, absent, zeroed, lasting = 0.0, 0.0, 0.0, 0.0
    if not left_out:
        stuck, absent, zeroed, lasting = take(runs, s, t, step, value, base, scale, watch.young[s])
        if (value == 0 or zeroed > 0) and not _matters(-base, base, terms):
            stuck, zeroed = 0.0, 0.0
        if not _matters(value - base, base, terms):
            lasting = 0.0
    out.stuck[s, j], out.absent[s, j], out.zeroed[s, j], out.lasting[s, j] = stuck, absent, zeroed, lasting
    describe(runs, s, j, out)
    return max(stuck, zeroed, absent), lasting


@part
def _matters(off: float, base: float, terms: Terms) -> bool:
    """Whether being so far off is of the side and of the size that is asked for; true where nothing is expected."""
    asked = np.isnan(off) or (terms.above if off > 0 else terms.below)
    return bool(asked and not abs(off) < max(terms.units, terms.part * abs(base)))
