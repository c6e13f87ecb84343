"""When a pipeline reads, how much, and when its series are fitted again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentio.types import Bools, Ints, Window

_CATCH_UP = 1000
"""After an outage at most so many steps are scored late; older ones are only learned from."""
_SAMPLES_AT_ONCE = 1_000_000
"""And no more samples than this in one tick."""
_GROWTH = 0.25
"""A series is refitted when its history has grown by this part, if that is sooner than ``train.every``."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Nanoseconds. ``ttl``: of a series that stopped arriving; ``model_ttl``: of a fit since its history ended."""

    step: int
    window: int
    train_every: int
    train_cadence: int
    delay: int
    ttl: int
    model_ttl: int
    max_points: int

    def newest(self, now: int) -> int:
        """When the newest sample is that there can be."""
        return (now - self.delay) // self.step * self.step

    def unread(self, cursor: int | None, end: int, series: int) -> Window:
        """From the last sample that was scored, at ``cursor``, to ``end``, as far as that is not too much of so many
        ``series``; the newest alone where there is no ``cursor``."""
        if cursor is None:
            return Window(end, end, self.step)
        steps = min(_CATCH_UP, max(1, _SAMPLES_AT_ONCE // max(1, series)))
        return Window(max(cursor + self.step, end - (steps - 1) * self.step), end, self.step)

    def due(self, first: Ints, fitted: Ints, tried: Ints | None, now: int) -> Bools:
        """``[S]``: which series are to be fitted ``now``, whose fit has learned from ``first [S]`` to ``fitted [S]``, 0
        where there is none; what was ``tried [S]`` since then is not tried again sooner."""
        wait = np.clip(np.maximum(fitted - first, 0) * _GROWTH, self.train_cadence, self.train_every)
        since = fitted if tried is None else np.maximum(fitted, tried)
        # Half a tick of grace: they are never on the dot.
        return np.asarray(now - since >= wait - self.train_cadence // 2)
