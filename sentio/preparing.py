"""A judge begins with what its series' models do on the history that they were learned from."""

from __future__ import annotations

import numpy as np

from sentio.history import History
from sentio.pipeline import Line, prepare
from sentio.types import Bools, Ints, Panel, State, joined

_FROM, _AT_ONCE = 6000, 500_000
"""So many steps of the history, as many as a model has; and so many samples at a time."""


def prepared(line: Line, coarse: History, young: History, fitted: State, until: int, now: int) -> State:
    """What the judge knows of the series ``fitted`` after their history up to ``until`` (ns).

    ``coarse``: the whole window; ``young``: the last steps, each of them; it may be the same one.
    """
    rows = max(1, _AT_ONCE // _FROM)
    series = len(fitted.keys)
    parts = (fitted.select(np.arange(first, min(first + rows, series))) for first in range(0, series, rows))
    return joined([_prepared(line, coarse, young, part, until, now) for part in parts])


def _prepared(line: Line, coarse: History, young: History, fitted: State, until: int, now: int) -> State:
    """First on the coarse grid, up to where every step is kept, then step by step."""
    judged = line.judge.blank(fitted.keys)
    fine, out = young.with_left_out(fitted.keys, now)
    panels = [(fine, out, young.step)]
    if young is not coarse:
        panel, out = coarse.with_left_out(fitted.keys, now)
        old = panel.times < (fine.times[0] if len(fine.times) else until)
        panels.insert(0, (_columns(panel, old), out[:, old], coarse.step))
    for panel, out, step in panels:
        wanted = np.flatnonzero(panel.times <= until)[-_FROM:]
        if len(wanted):
            judged = prepare(line, judged, fitted, _columns(panel, wanted), step, out[:, wanted])
    return judged


def _columns(panel: Panel, wanted: Bools | Ints) -> Panel:
    return Panel(panel.keys, panel.times[wanted], panel.values[:, wanted])
