"""The series of a table by number, as its rows go by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentio.tables.lay import key_of
from sentio.tables.reader import Rows
from sentio.types import Ints, SeriesKey


class Roll:
    """``keys``: the series that were there so far, in the order in which they came."""

    def __init__(self, name: str, sensors: Sequence[str], by: tuple[str, ...]) -> None:
        self.keys: list[SeriesKey] = []
        self._name, self._sensors, self._by = name, sensors, by
        self._groups: dict[tuple[str, ...], int] = {}

    def numbers(self, rows: Rows) -> Ints:
        """Which of ``keys`` each sample of ``rows`` is of: ``[sensors, n]``."""
        known, groups = len(self._groups), self._groups
        group = np.array([groups.setdefault(labels, len(groups)) for labels in rows.groups], np.int64)
        for labels, number in zip(rows.groups, group.tolist(), strict=True):
            if number >= known:
                self.keys += [key_of(self._name, sensor, self._by, labels) for sensor in self._sensors]
        count = len(self._sensors)
        return group[rows.group][None, :] * count + np.arange(count, dtype=np.int64)[:, None]


def runs(numbers: Ints) -> tuple[Ints, Ints]:
    """Where in ``numbers [n]``, sorted, another one begins, and how many there are of each."""
    first = np.flatnonzero(np.diff(numbers, prepend=-1))
    return first, np.diff(first, append=len(numbers))


def ranks(first: Ints, count: Ints) -> Ints:
    """Of each element its number within its run, from 0."""
    return np.arange(int(count.sum()), dtype=np.int64) - np.repeat(first, count)


def grown(array: np.ndarray, length: int, fill: float = 0) -> np.ndarray:
    """``array [k, …]`` as ``[length, …]`` with ``fill`` at its end."""
    more = max(0, length - len(array))
    return array if not more else np.concatenate([array, np.full((more, *array.shape[1:]), fill, array.dtype)])
