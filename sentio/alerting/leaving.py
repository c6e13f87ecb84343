"""The series that were let go of with an alert. Whoever heard of that alert heard of its end, and must not hear of both
once more after a kill, where the last save is of a time when they were awaited still."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sentio.alerting.machine import GONE
from sentio.alerting.memory import ENDED, LEVEL
from sentio.reports import Event
from sentio.state import State, merged
from sentio.types import SECOND, Bools, Ints, Keys, positions

_LEFT = -1
"""In place of the level of such a series; `ENDED` is when it was let go of, and the rest what was told of it, as far as
that matters once it is back."""
_KEPT = 86_400 * SECOND
"""A save knows it by then. Where label values keep changing, they would be ever more."""


def remembering(told: State, live: Keys, events: Iterable[Event], before: State | None, at: int) -> State:
    """``told``, of series that are away, too, with a mark on those that ``events`` let go of, or those before; but for
    those that are ``live`` again, and those of more than a day before ``at`` ns. ``before``: what this gave last."""
    left = parted(before)[1] if before else State(())
    times = dict(zip(left.keys, left[ENDED].tolist(), strict=True)) if left.keys else {}
    times |= {event.key: event.at for event in events if event.cause == GONE}
    if times:
        back = set(live)
        times = {key: when for key, when in times.items() if when > at - _KEPT and key not in back}
    keys = tuple(times)
    row = positions(keys, told.keys)
    rows = {name: np.zeros((len(keys), *array.shape[1:]), array.dtype) for name, array in told.arrays.items()}
    for name, array in rows.items():
        array[row >= 0] = told[name][row[row >= 0]]
    rows[LEVEL][:], rows[ENDED][:] = _LEFT, list(times.values())
    return merged([told, State(keys, rows)])


def parted(told: State) -> tuple[State, State]:
    """Of what `remembering` gave: what was told, and the series that were let go of, whose alerts are over by that."""
    if not {LEVEL, ENDED} <= told.arrays.keys():
        return told, State(())
    left = told[LEVEL] == _LEFT
    over = np.where(left, 0, told[LEVEL]).astype(told[LEVEL].dtype)
    return State(told.keys, {**told.arrays, LEVEL: over}), told.select(np.flatnonzero(left))


def gone_since(left: State, keys: Keys, seen: Ints) -> Bools:
    """``[S]``: which of ``keys`` are ``left``, let go of since they were ``seen [S]`` ns."""
    if not left.keys:
        return np.zeros(len(keys), np.bool_)
    at = positions(keys, left.keys)
    return np.asarray((at >= 0) & (left[ENDED][at] >= seen))
