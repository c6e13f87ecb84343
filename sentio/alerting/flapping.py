"""Series whose alerts come and go are held at their highest level until they are quiet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentio.alerting.memory import LEVEL, NEVER, TOP, Layout, Memory, Slot, pushed
from sentio.alerting.rules import Flapping, written
from sentio.alerting.watch import Sample
from sentio.state import State
from sentio.types import Array, Bools

HELD, _ACTIVE, _TURNS, _TOPS = "held", "active", "turns", "tops"


@dataclass(frozen=True, slots=True)
class Kept:
    """``level [S]``; ``flaps [S]``: it is held from now on; ``calm [S]``: it is held no longer, for it is quiet."""

    level: Array
    flaps: Bools
    calm: Bools


def back_to(state: State, at: int) -> Memory:
    """Of ``state`` what has times of this, with none after ``at`` ns: alerts that have started and ended stay as far
    from one another, for together they would be flapping."""
    times = {_ACTIVE: np.minimum(state[_ACTIVE], at)} if _ACTIVE in state.arrays else {}
    if _TURNS in state.arrays:
        turns = state[_TURNS]
        ahead = turns.max(axis=1, initial=at)[:, None] - at
        times[_TURNS] = np.where(turns == NEVER, NEVER, turns - ahead)
    return times


class Hold:
    """Keeps levels from falling where they have done so, and risen again, too often."""

    def __init__(self, flapping: Flapping) -> None:
        self._within, self._changes = flapping.within, flapping.changes
        span = written(flapping.within)
        self.cause = f"flapping: alerts started or ended {flapping.changes} times within {span}"
        self.over = f"flapping is over: no condition has held for {span}"

    @property
    def layout(self) -> Layout:
        """``active``: when a condition held last. ``turns``, ``tops``: when the last alerts started and ended, and
        the highest level that they had by then."""
        return {
            HELD: Slot(np.bool_),
            _ACTIVE: Slot(np.int64, NEVER),
            _TURNS: Slot(np.int64, NEVER, (self._changes,)),
            _TOPS: Slot(np.int8, 0, (self._changes,)),
        }

    def step(self, memory: Memory, level: Array, sample: Sample, *, active: Bools, old: Bools) -> Kept:
        """``level [S]`` after what flaps was kept from falling.

        ``active``: a condition holds. ``old``: the alert ends for its age, held or not. In ``memory`` is what was
        before.
        """
        before, arrived = memory[LEVEL], sample.arrived
        memory[_ACTIVE] = np.where(arrived & active, sample.at, memory[_ACTIVE])
        held = memory[HELD] & ~old
        calm = held & arrived & (memory[_ACTIVE] <= sample.at - self._within)
        held = held & ~calm
        level = np.where(held, np.maximum(before, level), level)
        flaps = self._turn(memory, before, level, sample) & ~old & ~calm
        memory[HELD] = held | flaps
        return Kept(np.where(flaps, np.maximum(level, memory[_TOPS].max(axis=1)), level), flaps, calm)

    def _turn(self, memory: Memory, before: Array, level: Array, sample: Sample) -> Bools:
        """``[S]``: an alert has started or ended, and too many have of late."""
        turned = (before > 0) != (level > 0)
        self.count(memory, turned, np.where(level > 0, level, memory[TOP]), sample.at)
        return np.asarray(turned & (memory[_TURNS][:, 0] >= sample.at - self._within))

    def count(self, memory: Memory, turned: Bools, top: Array, at: int) -> None:
        """Alerts have started or ended, at the rows ``turned``; ``top [S]`` is the highest level that they had."""
        memory[_TURNS] = pushed(memory[_TURNS], np.full(len(turned), at), turned)
        memory[_TOPS] = pushed(memory[_TOPS], top, turned)

    def counted(self, memory: Memory) -> Memory:
        """Of ``memory`` what was counted."""
        return {name: memory[name] for name in (_TURNS, _TOPS)}
