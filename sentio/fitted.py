"""Which fits are of use, and which is to be used of two."""

from __future__ import annotations

import numpy as np

from sentio.state import SeriesStatus, State
from sentio.types import Array, Keys, positions


def usable(state: State) -> Array:
    """``[S]``: something can be said with it."""
    status = state["status"]
    return np.asarray((status == SeriesStatus.READY) | (status == SeriesStatus.CONSTANT))


def known(state: State, keys: Keys) -> Array:
    """``[S]``: there is a usable model of it in ``state``."""
    at = positions(keys, state.keys)
    found: Array = np.zeros(len(at), bool)
    found[at >= 0] = usable(state)[at[at >= 0]] if state.keys else False
    return found


def better(state: State, newer: State) -> State:
    """``newer`` without the fits that have nothing to offer over the usable ones in ``state``."""
    if not newer.keys:
        return newer
    keep = usable(newer) | ~known(state, newer.keys)
    return newer if keep.all() else newer.select(np.flatnonzero(keep))


def in_date(state: State, now: int, ttl: int) -> State:
    """The series of ``state`` fitted within ``ttl`` ns of ``now``: before it, or after it by a clock that was ahead."""
    if not state.keys:
        return state
    fresh = np.abs(now - state["fitted_at"]) <= ttl
    return state if fresh.all() else state.select(np.flatnonzero(fresh))
