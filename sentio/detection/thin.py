"""Series of any length as curves that fit on a page: of each of their parts the least and the greatest value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentio.detection.roll import grown, ranks, runs
from sentio.types import Array, Floats, Ints

_PARTS = 1500
"""Of a curve at most; when there are twice as many, two become one."""
_DOTS = 2000
"""Flagged samples of a series that are kept at most, those with the highest scores."""
_WAITING = 100_000
"""Samples that wait at most, or as many as there are parts, so that each is moved a few times only."""
_PART = np.dtype([
    ("series", np.int64), ("part", np.int64), ("began", np.float64), ("ended", np.float64),
    ("least", np.float64), ("greatest", np.float64), ("lower", np.float64), ("upper", np.float64),
])  # fmt: skip
_DOT = np.dtype([("series", np.int64), ("at", np.float64), ("value", np.float64), ("score", np.float64)])


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """``parts [4, k]``: of each part the times (ns) of its first and its last sample, and its least and greatest
    values. ``band [2, k]``: the least lower and the greatest upper edge in it, NaN for none. ``dots [3, d]``:
    time, value and standard score of flagged samples."""

    parts: Floats
    band: Floats
    dots: Floats


class Thin:
    """Hears of the samples of many series, numbered from 0; of each series in their order."""

    def __init__(self) -> None:
        self._parts, self._dots = np.empty(0, _PART), np.empty(0, _DOT)
        self._samples: list[Array] = []
        self._flags: list[Array] = []
        self._seen, self._of_each = np.empty(0, np.int64), np.empty(0, np.int64)

    def add(self, series: Ints, times: Ints, values: Floats, lower: Floats, upper: Floats) -> None:
        """Each ``[n]``; the values are finite."""
        rows = np.empty(len(series), _PART)
        columns = series, 0, times, times, values, values, lower, upper
        for name, column in zip(_PART.names or (), columns, strict=True):
            rows[name] = column
        self._samples.append(rows)
        if sum(map(len, self._samples)) >= max(_WAITING, len(self._parts)):
            self._take()

    def flag(self, series: Ints, times: Ints, values: Floats, scores: Floats) -> None:
        """Samples that are flagged, each ``[n]``."""
        rows = np.empty(len(series), _DOT)
        for name, column in zip(_DOT.names or (), (series, times, values, scores), strict=True):
            rows[name] = column
        self._flags.append(rows)
        if sum(map(len, self._flags)) >= max(_WAITING, len(self._dots)):
            self._pick()

    def end(self) -> None:
        """Nothing waits any longer."""
        self._take()
        self._pick()

    def curve(self, series: int) -> Curve:
        """Of one series, after the `end`."""
        parts, dots = (
            table[slice(*np.searchsorted(table["series"], (series, series + 1)).tolist())]
            for table in (self._parts, self._dots)
        )
        return Curve(
            np.stack([parts[name] for name in ("began", "ended", "least", "greatest")]),
            np.stack([parts[name] for name in ("lower", "upper")]),
            np.stack([dots[name] for name in ("at", "value", "score")]),
        )

    def _take(self) -> None:
        """Samples into the parts that they belong to: each has as many samples as the others of its series."""
        rows = _by_series([np.empty(0, _PART), *self._samples])
        self._samples = []
        if not len(rows):
            return
        first, count = runs(rows["series"])
        known, series = int(rows["series"][-1]) + 1, rows["series"][first]
        self._seen, self._of_each = grown(self._seen, known), grown(self._of_each, known, 1)
        index = ranks(first, count) + np.repeat(self._seen[series], count)
        rows["part"] = index // np.repeat(self._of_each[series], count)
        self._seen[series] += count
        table = _joined(_by_series([self._parts, _joined(rows)]))
        while (many := np.bincount(table["series"]) >= 2 * _PARTS).any():
            self._of_each[: len(many)][many] *= 2
            table["part"][many[table["series"]]] //= 2
            table = _joined(table)
        self._parts = table

    def _pick(self) -> None:
        dots = _by_series([self._dots, *self._flags])
        self._flags = []
        best = np.lexsort((-dots["score"], dots["series"]))
        first, count = runs(dots["series"])
        self._dots = dots[np.sort(best[ranks(first, count) < _DOTS])]


def _by_series(tables: list[Array]) -> Array:
    """The rows of all ``tables``, of each series in their order."""
    table = np.concatenate(tables)
    return table[np.argsort(table["series"], kind="stable")]


def _joined(table: Array) -> Array:
    """``table``, sorted, with one row for each part."""
    new = (np.diff(table["series"], prepend=-1) != 0) | (np.diff(table["part"], prepend=-1) != 0)
    first = np.flatnonzero(new)
    if len(first) == len(table):
        return table
    found = table[first]
    found["ended"] = table["ended"][np.append(first[1:], len(table)) - 1]
    for name, least in (("least", np.minimum), ("greatest", np.maximum), ("lower", np.fmin), ("upper", np.fmax)):
        found[name] = least.reduceat(table[name], first)
    return found
