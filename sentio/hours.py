"""Hours of the week by a wall clock: which times lie in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from sentio.types import SECOND, Bools, Ints

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 86_400 * SECOND
_HOUR = 3600 * SECOND
_MINUTE = 60 * SECOND
_DAYS = 130 * 365
"""From 1970 to November 2099."""
_QUARTER_S = 900
"""Clocks are put forward and back on a quarter of an hour, so that one look at each is enough."""


@dataclass(frozen=True, slots=True)
class Weekly:
    """From ``begin`` to ``end``, in minutes of the day, the end not included, on each of ``days`` (of `DAY_NAMES`).

    An ``end`` below ``begin`` is on the next day; what goes beyond midnight is of the day on which it began.
    """

    days: tuple[str, ...]
    begin: int
    end: int

    def within(self, wall: Ints) -> Bools:
        """``[m]``: whether ``wall [m]`` (wall-clock ns) lies in it."""
        minute = wall % _DAY // _MINUTE
        day = wall // _DAY
        inside = (minute >= self.begin) & (minute < self.end)
        if self.end < self.begin:
            inside = (minute >= self.begin) | (minute < self.end)
            day = np.where(minute < self.end, day - 1, day)
        # The epoch's first day was a Thursday.
        wanted = np.array([name in self.days for name in DAY_NAMES])
        return np.asarray(inside & wanted[(day + 3) % 7])


def wall_clock(times: Ints, timezone: str) -> Ints:
    """UTC nanoseconds as the clocks of ``timezone`` show them. Raises `ZoneInfoNotFoundError` for an unknown one."""
    if timezone == "UTC":
        return times
    zone = ZoneInfo(timezone)
    quarters, back = np.unique(times // (_QUARTER_S * SECOND), return_inverse=True)
    moments = (datetime.fromtimestamp(_QUARTER_S * quarter, zone) for quarter in quarters.tolist())
    offsets = [offset.total_seconds() if (offset := m.utcoffset()) is not None else 0.0 for m in moments]
    return np.asarray(times + (np.array(offsets, np.float64).astype(np.int64) * SECOND)[back])


@cache
def put_forward(timezone: str) -> Ints:
    """``[k, 2]``: each time that the clocks of ``timezone`` are put forward from 1970 to 2099, as the first hour from
    the epoch that has begun by then, and by how many hours, to the nearest; negative: back. Raises
    `ZoneInfoNotFoundError` for an unknown zone."""
    days = _DAY * np.arange(_DAYS, dtype=np.int64)
    ahead = wall_clock(days, timezone) - days
    found = []
    for day in np.flatnonzero(np.diff(ahead)).tolist():
        hours = _HOUR * np.arange(24 * day, 24 * day + 25)
        by = np.round(np.diff(wall_clock(hours, timezone) - hours) / _HOUR).astype(np.int64)
        found += [(24 * day + at + 1, by[at]) for at in np.flatnonzero(by).tolist()]
    return np.array(found, np.int64).reshape(-1, 2)
