"""One level: reached when its condition holds, and kept until it is left."""

from __future__ import annotations

import numpy as np

from sentio.alerting.memory import Layout, Memory, Slot
from sentio.alerting.rules import Rule
from sentio.alerting.watch import Sample, Watch
from sentio.reports import AlertLevel
from sentio.types import Bools


class Latch:
    """``recovery``: samples at which the condition must not have held for the level to be left, unless the rule has
    a ``reset``. Raises `ExpressionError`."""

    def __init__(self, level: AlertLevel, rule: Rule, recovery: int) -> None:
        self.level = level
        self.when = Watch(f"alerts.{level.word}", rule.when)
        self.reset = Watch(f"alerts.{level.word}.reset", rule.reset) if rule.reset else None
        self._recovery = recovery
        # That an alert stands is so whatever the expression that it began by.
        self._on = f"{self.when.where}.on"
        self._quiet, self._spent = (f"{self.when.place}.{name}" for name in ("quiet", "spent"))

    @property
    def watches(self) -> tuple[Watch, ...]:
        return (self.when,) if self.reset is None else (self.when, self.reset)

    @property
    def layout(self) -> Layout:
        """``on``: the level stands. ``quiet``: samples since the condition held. ``spent``: an alert of this level
        has ended for its age, and the condition has held ever since."""
        own = {self._on: Slot(np.bool_), self._quiet: Slot(np.int64), self._spent: Slot(np.bool_)}
        return {**own, **{name: slot for watch in self.watches for name, slot in watch.layout.items()}}

    @property
    def left(self) -> str:
        """Why the level is left."""
        if self.reset:
            return f"reset: {self.reset.expression.text}"
        samples = "1 sample" if self._recovery == 1 else f"{self._recovery} samples"
        return f"{self.when.expression.text} has not held for {samples}"

    def step(self, memory: Memory, sample: Sample) -> Bools:
        """``[S]``: whether the condition holds after ``sample``."""
        holds, arrived = self.when.step(memory, sample), sample.arrived
        quiet = np.where(holds, 0, np.minimum(memory[self._quiet] + 1, self._recovery))
        quiet = np.where(holds | self.when.tells(sample), quiet, memory[self._quiet])
        memory[self._quiet] = np.where(arrived, quiet, memory[self._quiet])
        memory[self._spent] = memory[self._spent] & holds
        over = self.reset.step(memory, sample) if self.reset else quiet >= self._recovery
        begun = holds & ~memory[self._spent]
        memory[self._on] = np.where(arrived, begun | (memory[self._on] & ~over), memory[self._on])
        return holds

    def on(self, memory: Memory) -> Bools:
        """``[S]``: whether the level stands."""
        return memory[self._on]

    def end(self, memory: Memory, rows: Bools) -> None:
        """Leave the level at ``rows``; it is reached again once the condition has been false."""
        held = rows & memory[self._on] & self.when.holds(memory)
        memory[self._spent] = memory[self._spent] | held
        memory[self._on] = memory[self._on] & ~rows
