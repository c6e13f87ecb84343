"""Times of a series increase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentio.errors import TimefieldError
from sentio.tables.part import Part, fail
from sentio.tables.times import Clock
from sentio.types import Ints


class Order:
    """Remembers of each series of a table its last time, and the line of it."""

    def __init__(self, where: str, clock: Clock) -> None:
        self._where, self._clock = where, clock
        self._last: dict[tuple[str, ...], tuple[int, int]] = {}

    def check(self, part: Part, times: Ints, groups: Sequence[tuple[str, ...]], group: Ints) -> None:
        """Raises `TimefieldError` for the first of ``times [n]`` that is not later than the one before it in its
        group."""
        order = np.argsort(group, kind="stable")
        first = np.searchsorted(group[order], np.arange(len(groups)))
        before = np.empty(len(times), np.int64)
        before[order[1:]] = times[order[:-1]]
        known = np.ones(len(times), bool)
        for i, key in enumerate(groups):
            row = order[first[i]] if len(order) else 0
            known[row] = key in self._last
            if known[row]:
                before[row] = self._last[key][0]
        wrong = np.flatnonzero(known & (times <= before))
        if len(wrong):
            row = int(wrong[0])
            rows = np.flatnonzero(group[:row] == group[row])
            line = part.line(int(rows[-1])) if len(rows) else self._last[groups[group[row]]][1]
            self._refuse(part.line(row), int(times[row]), line, int(before[row]))
        ends = np.append(first[1:], len(times)) - 1
        for i, key in enumerate(groups):
            row = int(order[ends[i]])
            self._last[key] = int(times[row]), part.line(row)

    def _refuse(self, line: int, time: int, line_before: int, before: int) -> None:
        what = "is the same as" if time == before else "is before"
        wrong = f"the time {self._clock.write(time)} {what} that of line {line_before} ({self._clock.write(before)})"
        fail(self._where, line, wrong, "a later one, or the column that tells the series apart (by),", TimefieldError)
