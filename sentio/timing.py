"""When a pipeline reads, and how much."""

from __future__ import annotations

from dataclasses import dataclass

from sentio.types import Failure, Window

_CATCH_UP = 1000
"""After an outage at most so many steps are scored late; older ones are only learned from."""
_SAMPLES_AT_ONCE = 1_000_000
"""And no more samples than this in one tick."""
_TOO_MUCH = ("timeout", "max_bytes")
"""Why a read fails that asks for too much; the first of them also where the source is away."""


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

    def unread(self, cursor: int | None, end: int, series: int, most: int = _CATCH_UP) -> Window:
        """From the last sample that was scored, at ``cursor``, to ``end``, as far as that is not too much of so many
        ``series``, nor more than ``most`` steps; the newest alone where there is no ``cursor``."""
        if cursor is None:
            return Window(end, end, self.step)
        steps = min(most, max(1, _SAMPLES_AT_ONCE // max(1, series)))
        return Window(max(cursor + self.step, end - (steps - 1) * self.step), end, self.step)


class Reach:
    """How far back a score tick reads, after reads that took too long.

    Either the source is away, and nothing is to be let go; or so many steps are too much, and asking for them again
    would never end. The newest step alone tells which: it is looked at before all is asked for.
    """

    def __init__(self) -> None:
        self.most = _CATCH_UP
        """Steps, up to the newest: what is let go is the oldest, or each tick would be later than the last."""
        self.doubtful = False
        """Whether one step is to be looked at first."""
        self._well = False

    def looked(self) -> None:
        """One step could be read."""
        self.doubtful, self._well = False, True

    def ended(self, steps: int, failure: Failure | None) -> None:
        """A read of so many ``steps`` has ended."""
        reason = failure.reason if failure else ""
        if reason not in _TOO_MUCH:
            self.most, self.doubtful, self._well = _CATCH_UP, False, False
        elif steps > 1 and (self._well or reason == "max_bytes"):
            self.most, self._well = max(1, steps // 4), True
        else:
            self.most, self.doubtful, self._well = _CATCH_UP, True, False
