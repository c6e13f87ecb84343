"""Runs and the budget of evidence by themselves: they are parts of the judge's kernel, so they are called by kernels
of these tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numba
import numpy as np

from sentio.judgement import budget, runs
from sentio.judgement.budget import BUDGET, STRONG, Budget
from sentio.judgement.evidence import RUNS, Evidence, Runs, nothing
from sentio.types import Array, Bools, Floats, Ints


def watch(
    memory: Mapping[str, Array], times: Ints, step: int, values: Floats, expected: Floats, scale: Floats,
    young: Bools | None = None,
) -> tuple[dict[str, Array], Evidence]:  # fmt: skip
    """The memory after ``values [S, m]`` at ``times [m]``, and what they are evidence of, with names for its fields."""
    kept, found = np.array(memory[RUNS]), nothing(values.shape)
    numbers = (np.ascontiguousarray(a, np.float64) for a in (values, expected, scale))
    new = np.zeros(len(values), bool) if young is None else young
    _watch(np.asarray(times, np.int64), step, *numbers, new, cast(Runs, kept), found)
    return {RUNS: kept}, cast(Evidence, np.asarray(found).view(np.recarray))


@numba.njit(error_model="numpy")
def _watch(
    times: Ints, step: int, values: Floats, expected: Floats, scale: Floats, young: Bools, kept: Runs, out: Evidence
) -> None:
    for s in range(len(values)):
        for j in range(len(times)):
            of_step = runs.take(kept, s, times[j], step, values[s, j], expected[s, j], scale[s, j], young[s])
            out.stuck[s, j], out.absent[s, j], out.zeroed[s, j], out.lasting[s, j] = of_step
            runs.describe(kept, s, j, out)


def tell(
    memory: Mapping[str, Array], step: int, a_day: float, found: Floats, which: int = STRONG
) -> tuple[dict[str, Array], Floats]:
    """The memory after the evidence ``found [S, m]``, ``step`` ns apart, and what is told of it."""
    kept, told = np.array(memory[BUDGET]), np.full(found.shape, np.nan)
    _tell(which, step, a_day, found, cast(Budget, kept), told)
    return {BUDGET: kept}, told


@numba.njit(error_model="numpy")
def _tell(which: int, step: int, a_day: float, found: Floats, kept: Budget, told: Floats) -> None:
    for s in range(told.shape[0]):
        for j in range(told.shape[1]):
            told[s, j] = budget.tell(kept, s, which, step, a_day, found[s, j])
