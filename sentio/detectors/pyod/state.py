"""The arrays of `type: pyod`, beside those of every state.

=============================  ======  =======================================================================
digest                         [S, 2]  of the window, uint64
window_times, window_values    [S, w]  ns, units: the samples that the models were fitted to, in their order
window_count                   [S]     how many these are; zeros stand behind them
tail_times, tail_values        [S, t]  ns, units: the newest samples, which the features of the next one need
tail_count                     [S]     how many these are
=============================  ======  =======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sentio.detectors.pyod.fits import Window
from sentio.state import SeriesStatus, State
from sentio.types import Array, Floats, Ints


def blank(times: Ints, values: Floats, windows: Sequence[Window]) -> dict[str, Array]:
    """Of series that have ``windows`` of the history ``values [S, n]`` at ``times [n]``, and no models yet."""
    series = len(values)
    last = times[-1] if len(times) else 0
    return {
        "status": np.full(series, SeriesStatus.LEARNING, np.int8),
        "first_at": np.array([w[0][0] if len(w[0]) else last for w in windows], np.int64),
        "fitted_at": np.full(series, last, np.int64),
        "samples": np.array([len(w[0]) for w in windows], np.int64),
        "digest": np.zeros((series, 2), np.uint64),
    }


def pack(arrays: dict[str, Array], name: str, rows: Mapping[int, Window]) -> None:
    """Write ``rows`` down as the arrays ``name``, empty ones for all other series."""
    series = len(arrays["status"])
    width = max((len(times) for times, _ in rows.values()), default=0)
    times, values, count = np.zeros((series, width), np.int64), np.zeros((series, width)), np.zeros(series, np.int64)
    for i, (when, what) in rows.items():
        times[i, : len(when)], values[i, : len(what)], count[i] = when, what, len(when)
    arrays |= {f"{name}_times": times, f"{name}_values": values, f"{name}_count": count}


def kept(state: State, name: str, row: int) -> Window:
    """What ``row`` has in the arrays ``name``."""
    count = int(state[f"{name}_count"][row])
    return state[f"{name}_times"][row, :count], state[f"{name}_values"][row, :count]


def keep(state: State, tails: Mapping[int, Window], failed: Mapping[int, str]) -> State:
    """``state`` with new ``tails``, and with those that ``failed`` for a reason."""
    arrays = dict(state.arrays)
    others = {i: kept(state, "tail", i) for i in range(len(state.keys)) if i not in tails}
    pack(arrays, "tail", others | dict(tails))
    if failed:
        arrays["status"] = state["status"].copy()
        details = state["detail"].tolist()
        for i, why in failed.items():
            arrays["status"][i], details[i] = SeriesStatus.FAILED, why
        arrays["detail"] = np.array(details, dtype=np.str_)
    return State(state.keys, arrays)
