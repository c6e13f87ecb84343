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
        self._numbers: dict[tuple[str, ...], int] = {}
        self._times, self._lines = np.empty(0, np.int64), np.empty(0, np.int64)

    def check(self, part: Part, times: Ints, groups: Sequence[tuple[str, ...]], group: Ints) -> None:
        """Raises `TimefieldError` for the first of ``times [n]`` that is not later than the one before it in its
        group."""
        if not len(times):
            return
        numbers = self._numbered(groups)
        order = np.argsort(group, kind="stable")
        first = np.searchsorted(group[order], np.arange(len(groups)))
        before = np.empty(len(times), np.int64)
        before[order[1:]] = times[order[:-1]]
        before[order[first]] = self._times[numbers]
        known = np.ones(len(times), bool)
        known[order[first]] = self._lines[numbers] > 0
        if len(wrong := np.flatnonzero(known & (times <= before))):
            row = int(wrong[0])
            rows = np.flatnonzero(group[:row] == group[row])
            line = part.line(int(rows[-1])) if len(rows) else int(self._lines[numbers[group[row]]])
            self._refuse(part.line(row), int(times[row]), line, int(before[row]))
        last = order[np.append(first[1:], len(times)) - 1]
        self._times[numbers], self._lines[numbers] = times[last], part.lines(last)

    def _numbered(self, groups: Sequence[tuple[str, ...]]) -> Ints:
        """Where each of ``groups`` is remembered; a line of 0 is none."""
        known = self._numbers
        numbers = np.array([known.setdefault(key, len(known)) for key in groups], np.int64)
        none = np.zeros(len(known) - len(self._times), np.int64)
        self._times, self._lines = np.append(self._times, none), np.append(self._lines, none)
        return numbers

    def _refuse(self, line: int, time: int, line_before: int, before: int) -> None:
        what = "is the same as" if time == before else "is before"
        wrong = f"the time {self._clock.write(time)} {what} that of line {line_before} ({self._clock.write(before)})"
        fail(self._where, line, wrong, "a later one, or the column that tells the series apart (by),", TimefieldError)
