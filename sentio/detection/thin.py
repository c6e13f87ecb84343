"""A series of any length as a curve that fits on a page: of each of its parts the least and the greatest value."""

from __future__ import annotations

import numpy as np

from sentio.types import Floats, Ints

_PARTS = 1500
"""Of a curve at most; when there are twice as many, two become one."""
_DOTS = 2000
"""Flagged samples that are kept at most, those with the highest scores."""


class Curve:
    """Hears of the samples of one series in their order.

    ``parts [4, k]``: of each part the times (ns) of its first and its last sample, and its least and greatest values;
    ``band [2, k]``: the least lower and the greatest upper edge in it, NaN where there is none.
    """

    def __init__(self) -> None:
        self.parts: Floats = np.empty((4, 0))
        self.band: Floats = np.empty((2, 0))
        self.dots: Floats = np.empty((3, 0))
        """``[3, d]``: time, value and standard score of flagged samples."""
        self._of_each = 1
        self._waiting: Floats = np.empty((4, 0))

    def add(self, times: Ints, values: Floats, lower: Floats, upper: Floats) -> None:
        """Each ``[n]``; the values are finite."""
        rows = np.concatenate([self._waiting, np.stack([times.astype(np.float64), values, lower, upper])], axis=1)
        whole = rows.shape[1] // self._of_each * self._of_each
        self._waiting = rows[:, whole:]
        self._take(rows[:, :whole].reshape(4, -1, self._of_each))
        while self.parts.shape[1] >= 2 * _PARTS:
            self._halve()

    def flag(self, times: Ints, values: Floats, scores: Floats) -> None:
        """Samples that are flagged, each ``[n]``."""
        dots = np.concatenate([self.dots, np.stack([times.astype(np.float64), values, scores])], axis=1)
        if dots.shape[1] > _DOTS:
            dots = dots[:, np.sort(np.argsort(-dots[2], kind="stable")[:_DOTS])]
        self.dots = dots

    def end(self) -> None:
        """What waits for its part to be full is one."""
        if self._waiting.shape[1]:
            self._take(self._waiting[:, None, :])
            self._waiting = self._waiting[:, :0]

    def _take(self, rows: Floats) -> None:
        """``[4, k, n]``: k parts of n samples."""
        times, values, lower, upper = rows
        if not values.size:
            return
        new = np.stack([times[:, 0], times[:, -1], values.min(axis=1), values.max(axis=1)])
        self.parts = np.concatenate([self.parts, new], axis=1)
        self.band = np.concatenate([self.band, np.stack([_least(lower), _greatest(upper)])], axis=1)

    def _halve(self) -> None:
        whole = self.parts.shape[1] // 2 * 2
        # An odd last part stays as it is, half as long as the others.
        first, second = self.parts[:, 0:whole:2], self.parts[:, 1:whole:2]
        joined = np.stack([first[0], second[1], np.minimum(first[2], second[2]), np.maximum(first[3], second[3])])
        lower, upper = self.band[0, :whole].reshape(-1, 2), self.band[1, :whole].reshape(-1, 2)
        self.band = np.concatenate([np.stack([_least(lower), _greatest(upper)]), self.band[:, whole:]], axis=1)
        self.parts = np.concatenate([joined, self.parts[:, whole:]], axis=1)
        self._of_each *= 2


def _least(values: Floats) -> Floats:
    return np.asarray(np.fmin.reduce(values, axis=1))


def _greatest(values: Floats) -> Floats:
    return np.asarray(np.fmax.reduce(values, axis=1))
