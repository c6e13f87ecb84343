"""Where samples of any times lie on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentio.types import Bools, Floats, Ints, Window


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where the samples of one series lie on a grid."""

    cells: Ints
    """``[n]``: each sample's cell, counted in steps from the epoch."""
    taken: Bools
    """``[n]``: it is the one that its cell stands for, or of the same time as that."""


def cells_of(times: Ints, step: int, start: int = 0) -> Ints:
    """For each of ``times [n]`` the cell of the step that it lies in, which is known at its end: ``start`` and what is
    less than a step before it are cell 0."""
    return -((start - times) // step)


def place(times: Ints, values: Floats, step: int) -> Placed:
    """Samples at ``times [n]`` (ns, in any order) on multiples of ``step``.

    A cell has the newest finite sample of the step that ends with it, as a range query of Prometheus has: so nothing of
    a sample is known before its time. Where two fall into one cell the older is not seen, as in production.
    """
    cells = cells_of(times, step)
    finite = np.isfinite(values)
    order = np.flatnonzero(finite)[np.argsort(times[finite], kind="stable")]
    newest = dict(zip(cells[order].tolist(), times[order].tolist(), strict=True))
    at = np.fromiter((newest.get(cell, -1) for cell in cells.tolist()), np.int64, len(cells))
    return Placed(cells, finite & (times == at))


def newest(window: Window, times: Ints, values: Floats) -> Floats:
    """``values [S, n]`` at ``times [n]``, which increase, on the times of ``window``, as `place` has it: ``[S, m]``."""
    grid = np.full((len(values), len(window)), np.nan)
    cells = cells_of(times, window.step, window.start)
    inside = (cells >= 0) & (cells < len(window))
    for row, own in zip(grid, values, strict=True):
        there = inside & np.isfinite(own)
        row[cells[there]] = own[there]  # of several for one cell the last stays
    return grid
