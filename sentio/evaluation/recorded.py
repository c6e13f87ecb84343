"""Recorded samples as a source: on the grid of a pipeline, and never later than the moment that is replayed."""

from __future__ import annotations

import numpy as np

from sentio.errors import EvaluationError
from sentio.grid import place
from sentio.types import SECOND, Floats, Ints, Keys, Panel, Window

_MOST = 50_000_000
"""Cells of a grid; each takes some hundred bytes before all is told."""


class Recorded:
    """A `sentio.contracts.Source` over a `Panel` on a grid of ``step`` ns.

    ``now``: the moment that is replayed; what is later cannot be seen.
    """

    def __init__(self, panel: Panel, step: int) -> None:
        self._panel, self._step = panel, step
        self.now = 0

    def read(self, query: str, window: Window) -> Panel:  # noqa: ARG002 # there is one answer to every query
        """The series that have a sample in ``window`` and by ``now``; NaN at all other times."""
        times = window.times()
        columns = (times - self._panel.times[0]) // self._step if len(self._panel.times) else np.zeros_like(times)
        there = (columns >= 0) & (columns < len(self._panel.times)) & (times <= self.now)
        values = np.full((len(self._panel.keys), len(times)), np.nan)
        values[:, there] = self._panel.values[:, columns[there]]
        some = np.flatnonzero(np.isfinite(values).any(axis=1))
        if len(some) == len(values):  # the keys themselves: equal tuples are compared at no cost
            return Panel(self._panel.keys, times, values)
        return Panel(self._panel.keys, times, values).rows(some)


def gridded(keys: Keys, samples: list[tuple[Ints, Floats]], step: int) -> Panel:
    """One `Panel` on multiples of ``step`` ns: of each of ``keys`` the times ``[n]`` (ns) and values ``[n]``.

    Raises `EvaluationError` where that is more than can be held, as when one time is years from the others.
    """
    placed = [place(times, values, step) for times, values in samples]
    some = [p.cells for p in placed if len(p.cells)]
    if not some:
        return Panel(keys, np.empty(0, np.int64), np.empty((len(keys), 0)))
    first, last = min(int(c.min()) for c in some), max(int(c.max()) for c in some)
    if (steps := last - first + 1) * len(keys) > _MOST:
        raise EvaluationError(
            f"{keys[0].name}: its times are {steps:,} steps of {step / SECOND:g} s apart; "
            f"at most {_MOST:,} are expected, so all times near each other, or a longer step"
        )
    grid = np.full((len(keys), last - first + 1), np.nan)
    for row, p, (times, values) in zip(grid, placed, samples, strict=True):
        # In the order of time, and of two at one time the later line: assignment keeps the last.
        order = np.flatnonzero(p.taken)[np.argsort(times[p.taken], kind="stable")]
        row[p.cells[order] - first] = values[order]
    return Panel(keys, step * np.arange(first, last + 1, dtype=np.int64), grid)
