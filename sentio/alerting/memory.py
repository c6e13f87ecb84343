"""What is remembered of each series between samples: arrays by name, put in place of one another, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentio.state import State
from sentio.types import Array, Bools, Keys, positions

NEVER = np.iinfo(np.int64).min
"""The time of what has not been yet."""

Memory = dict[str, Array]

LEVEL, SINCE, TOP, ENDED, CHANGED = "level", "since", "top", "ended", "changed"
"""The level that stands. When its alert began (ns), else 0. The highest level of the alert that is, or of the one that
was last. When that ended (ns). When the level was another one last (ns)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One array ``[S, *shape]``, and what is in it for a series of which nothing is known."""

    dtype: npt.DTypeLike
    fill: float = 0
    shape: tuple[int, ...] = ()

    def blank(self, series: int) -> Array:
        return np.full((series, *self.shape), self.fill, self.dtype)

    def fits(self, array: Array) -> bool:
        return array.dtype == self.dtype and array.shape[1:] == self.shape


Layout = Mapping[str, Slot]


def fits(layout: Layout, state: State) -> bool:
    """Whether ``state`` has exactly the arrays of ``layout``."""
    return state.arrays.keys() == layout.keys() and all(slot.fits(state[name]) for name, slot in layout.items())


def onto(layout: Layout, state: State, keys: Keys) -> Memory:
    """The arrays of a ``state`` that fits for exactly ``keys``; blank for a series that it does not have."""
    if state.keys == keys:
        return dict(state.arrays)
    at = positions(keys, state.keys)
    known = at >= 0
    memory = {name: slot.blank(len(keys)) for name, slot in layout.items()}
    for name, array in memory.items():
        array[known] = state[name][at[known]]
    return memory


def told(state: State) -> State:
    """Of ``state`` the series that have an alert, or had one."""
    return state.select(np.flatnonzero((state[LEVEL] > 0) | (state[ENDED] != NEVER)))


def pushed(kept: Array, newest: Array, where: Bools) -> Array:
    """``kept [S, n]`` with ``newest [S]`` behind its last column and without its first, at the rows ``where``."""
    moved = np.concatenate([kept[:, 1:], newest[:, None].astype(kept.dtype)], axis=1)
    return np.where(where[:, None], moved, kept)
