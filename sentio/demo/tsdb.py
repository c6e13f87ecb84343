"""A small store of samples in memory, asked as Prometheus is asked.

The value of a series at ``t`` is its newest sample in ``(t - 5m, t]``, as in Prometheus 3 (Prometheus 2 also
took a sample exactly 5 minutes old). A series ends at once where it is marked stale; else 5 minutes after its
last sample.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sentio.demo.series import Series
from sentio.errors import StoreError
from sentio.types import SECOND, Array, Bools, Floats, Ints, Keys, SeriesKey

LOOKBACK = 300 * SECOND
RETENTION = 15 * 86_400 * SECOND

_FIRST_CAPACITY = 1024

Choice = Callable[[SeriesKey], bool]
"""Whether a series is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """``values [S, n]`` of ``keys [S]``, sorted as Prometheus sorts them, at ``times [n]``. Where
    ``present [S, n]`` is False the series has no value; NaN is a value."""

    keys: Keys
    times: Ints
    values: Floats
    present: Bools


class Tsdb:
    """Samples by series; may be written and read from several threads.

    A series keeps its last ``retention`` ns; older samples go when room is needed, so for a while there may
    be half as many more. Series themselves are kept: a demo has few, and the same ones for ever.
    """

    def __init__(self, retention: int = RETENTION) -> None:
        self._retention = retention
        self._lock = threading.Lock()
        self._columns: dict[SeriesKey, _Column] = {}

    def append(self, key: SeriesKey, time: int, value: float) -> None:
        """One sample at ``time`` (ns). Raises `StoreError` when it is not newer than the series' newest."""
        self.extend(Series(key, np.array([time], np.int64), np.array([value])))

    def extend(self, series: Series) -> None:
        """Any number of samples at once. Raises `StoreError`, and stores none of them, when they are not in
        order or not newer than the newest."""
        self._write(series, stale=False)

    def mark_stale(self, key: SeriesKey, time: int) -> None:
        """From ``time`` on the series has no value, until its next sample. Raises as `append` does."""
        self._write(Series(key, np.array([time], np.int64), np.array([np.nan])), stale=True)

    def select(self, choice: Choice, start: int | None = None, end: int | None = None) -> Keys:
        """The series of ``choice`` with a sample in ``[start, end]``; None is without a limit. Sorted."""
        found = []
        for key, (times, _, _) in self._snapshot(choice):
            low = 0 if start is None else int(np.searchsorted(times, start, "left"))
            high = len(times) if end is None else int(np.searchsorted(times, end, "right"))
            if low < high:
                found.append(key)
        return tuple(found)

    def evaluate(self, choice: Choice, times: Ints) -> Answer:
        """The series of ``choice`` at ``times [n]``; a series without any value there is left out."""
        keys, rows, marks = [], [], []
        for key, (at, values, stale) in self._snapshot(choice):
            newest = np.searchsorted(at, times, "right") - 1
            present = (newest >= 0) & (at[newest] > times - LOOKBACK) & ~stale[newest]
            if present.any():
                keys.append(key)
                rows.append(values[newest])
                marks.append(present)
        shape = (len(keys), len(times))
        return Answer(
            tuple(keys),
            times,
            np.array(rows, np.float64).reshape(shape),
            np.array(marks, np.bool_).reshape(shape),
        )

    def _write(self, series: Series, *, stale: bool) -> None:
        if len(series.times) == 0:
            return
        with self._lock:
            column = self._columns.get(series.key) or _Column()
            column.extend(series, stale, self._retention)
            self._columns[series.key] = column

    def _snapshot(self, choice: Choice) -> list[tuple[SeriesKey, _View]]:
        with self._lock:
            views = [(key, column.view()) for key, column in self._columns.items()]
        chosen = [(key, view) for key, view in views if choice(key)]
        return sorted(chosen, key=lambda pair: _order(pair[0]))


def _order(key: SeriesKey) -> list[tuple[str, str]]:
    """Prometheus compares label sets pair by pair, the metric's name among them under its label."""
    return sorted((*key.labels, ("__name__", key.name)))


_View = tuple[Ints, Floats, Bools]
"""Times, values and stale marks of one series, never written to again."""


class _Column:
    """One series: arrays with room to spare. Room is made in new arrays; a view given out never changes."""

    def __init__(self) -> None:
        self._count = 0
        self._times = np.empty(0, np.int64)
        self._values = np.empty(0, np.float64)
        self._stale = np.empty(0, np.bool_)

    def view(self) -> _View:
        return self._times[: self._count], self._values[: self._count], self._stale[: self._count]

    def extend(self, series: Series, stale: bool, retention: int) -> None:
        times = series.times
        if np.any(times[1:] <= times[:-1]):
            raise StoreError(f"tsdb: {series.key}: the times are not strictly increasing; sort them first")
        if self._count and times[0] <= self._times[self._count - 1]:
            raise StoreError(
                f"tsdb: {series.key}: the sample at {times[0] / SECOND:.3f} is not newer than the newest, at "
                f"{self._times[self._count - 1] / SECOND:.3f}; samples are to be appended in order"
            )
        if self._count + len(times) > len(self._times):
            self._make_room(len(times), int(times[-1]) - retention)
        end = self._count + len(times)
        self._times[self._count : end] = times
        self._values[self._count : end] = series.values
        self._stale[self._count : end] = stale
        self._count = end

    def _make_room(self, more: int, oldest: int) -> None:
        times, values, stale = self.view()
        first = int(np.searchsorted(times, oldest, "left"))
        kept = self._count - first
        # Half as much again: appending n samples copies O(n) of them in all.
        capacity = max(_FIRST_CAPACITY, (kept + more) * 3 // 2)
        self._times = _grown(times[first:], capacity)
        self._values = _grown(values[first:], capacity)
        self._stale = _grown(stale[first:], capacity)
        self._count = kept


def _grown(array: Array, capacity: int) -> Array:
    grown = np.empty(capacity, array.dtype)
    grown[: len(array)] = array
    return grown
