"""Which series are to be fitted now: the unknown, and those whose fit is old, or young and outgrown."""

from __future__ import annotations

from itertools import compress

import numpy as np

from sentio.fitted import known
from sentio.state import State
from sentio.types import Bools, Ints, Keys, SeriesKey, positions

GROWTH = 0.25
"""A series is refitted when its history has grown by this part, if that is sooner than ``every``."""
_MOST = 4
"""What was tried is remembered of so many times as many series as there are."""


class Due:
    """``every`` ns: the longest between two fits of a series; ``cadence`` ns: between two train ticks. ``once``: what
    was fitted is never fitted again, for it learns as it goes."""

    def __init__(self, *, every: int, cadence: int, once: bool) -> None:
        self._every, self._cadence, self._once = every, cadence, once
        self._tried: dict[SeriesKey, int] = {}
        """ns when each series was tried last, whatever came of it."""

    def tried(self, keys: Keys, now: int, current: Keys) -> None:
        """Fits of ``keys`` have been tried; ``current``: the series that there are."""
        self._tried.update(dict.fromkeys(keys, now))
        if len(self._tried) > _MOST * len(current):
            there = set(current)
            self._tried = {key: at for key, at in self._tried.items() if key in there}

    def among(self, keys: Keys, model: State, now: int) -> Keys:
        """Those of ``keys`` that are due; ``model``: what is fitted."""
        first, fitted, tried = (np.zeros(len(keys), np.int64) for _ in range(3))
        if model.keys:
            at = positions(keys, model.keys)
            first[at >= 0], fitted[at >= 0] = model["first_at"][at[at >= 0]], model["fitted_at"][at[at >= 0]]
        if self._tried:
            tried = np.fromiter((self._tried.get(key, 0) for key in keys), np.int64, len(keys))
        due = self._waited(first, fitted, np.maximum(fitted, tried), now)
        if self._once:
            due &= ~known(model, keys)
        return tuple(compress(keys, due.tolist()))

    def _waited(self, first: Ints, fitted: Ints, since: Ints, now: int) -> Bools:
        """``[S]``: which have waited long enough ``since [S]``, whose fit has learned from ``first [S]`` to
        ``fitted [S]``, 0 where there is none."""
        wait = np.clip(np.maximum(fitted - first, 0) * GROWTH, self._cadence, self._every)
        # Half a tick of grace: they are never on the dot. What is of a time to come is of a clock that was ahead.
        return np.asarray((now - since >= wait - self._cadence // 2) | (since > now))
