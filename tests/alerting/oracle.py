"""The same alerts told once more: one series, one sample after another, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from .work import STEP


class Level:
    """``value > limit for least of among``, left by ``value < reset`` or after ``recovery`` samples."""

    def __init__(self, limit: float, least: int, among: int, reset: float | None, recovery: int) -> None:
        self.limit, self.least, self.among, self.reset, self.recovery = limit, least, among, reset, recovery
        self.past: list[bool] = []
        self.on = self.spent = self.holds = False
        self.quiet = 0

    def see(self, value: float) -> None:
        self.past.append(value > self.limit)
        self.holds = sum(self.past[-self.among :]) >= self.least
        if self.holds:
            self.quiet = 0
            self.on = self.on or not self.spent
            return
        self.quiet += 1
        self.spent = False
        if self.on and (self.quiet >= self.recovery if self.reset is None else value < self.reset):
            self.on = False


def oracle(
    values: Sequence[float],
    levels: dict[int, Level],
    snooze: int = 0,
    flapping: tuple[int, int] | None = None,
    max_age: int | None = None,
) -> list[int]:
    """The level after each value; times in minutes."""
    level, since, top, ended, active, held = 0, 0, 0, -(10**9), -(10**9), False
    turns: list[tuple[int, int]] = []
    found = []
    for now, value in enumerate(values):
        before, wanted, arrived = level, level, isfinite(value)
        if arrived:
            for one in levels.values():
                one.see(value)
                one.on = one.on and (before > 0 or one.holds)
            wanted = max((number for number, one in levels.items() if one.on), default=0)
            active = now if any(one.holds for one in levels.values()) else active
        old = before > 0 and max_age is not None and now - since > max_age
        calm = False
        if old:
            held, wanted = False, 0
            for number, one in levels.items():
                if number <= before:
                    one.spent = one.spent or (one.on and one.holds)
                    one.on = False
        elif before == 0 and now < ended + snooze and wanted <= top:
            wanted = 0
        if held and arrived:
            calm = now - active >= flapping[1]  # type: ignore[index] # held, so there is one
            held = not calm
        level = max(before, wanted) if held else wanted
        if (before > 0) != (level > 0):
            turns.append((now, level or top))
            last = turns[-flapping[0] :] if flapping else []
            if flapping and len(last) == flapping[0] and now - last[0][0] <= flapping[1] and not old and not calm:
                held, level = True, max(level, *(number for _, number in last))
        if before == 0 and level > 0:
            since, top = now, level
        if before > 0 and level == 0:
            ended = now
        top = max(top, level)
        found.append(level)
    return found


def minutes(count: int) -> int:
    """In nanoseconds."""
    return count * STEP
