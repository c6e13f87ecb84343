"""What kinds of anomaly there are."""

from __future__ import annotations

import enum


class Kind(enum.IntEnum):
    """What an incident looks like; kept as int8."""

    NONE = 0
    """There has been none."""
    SPIKE = 1
    """Up, and short."""
    DIP = 2
    """Down, and short."""
    LEVEL_SHIFT = 3
    """A lasting offset, roughly constant."""
    TREND_BREAK = 4
    """A deviation that keeps growing."""
    VARIANCE_CHANGE = 5
    """Deviations of both signs whose spread is a multiple, or a fraction, of the usual one."""
    FLATLINE = 6
    """The same value again and again, in a series that usually moves."""
    DROP_TO_ZERO = 7
    """Zero, in a series that hardly ever is, where a value far from zero was expected."""
    MISSING = 8
    """No samples, in a series that usually arrives."""
    EARLY_PATTERN = 9
    """The expected shape, too early."""
    LATE_PATTERN = 10
    """The expected shape, too late."""

    @property
    def word(self) -> str:
        return self.name.lower()
