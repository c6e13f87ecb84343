"""The newest window of each series, kept so that a tick reads only what is new.

The columns lie on multiples of a grid step: the pipeline's step times a power of two, the smallest that keeps
the span of the data within ``max_points`` columns. A young series is so learned from every sample, and two
weeks from some thousand; when the span outgrows the grid, every other column is let go.
"""

from __future__ import annotations

import threading
from itertools import compress

import numpy as np

from sentio.types import Bools, Floats, Ints, Keys, Panel, Window, positions, union

_ROOM = 8
"""Spare columns are one part in so many of those in use."""


class History:
    """Values ``[S, n]`` of the last ``length`` nanoseconds; safe for use by several threads.

    A series without a sample for ``keep`` ns is let go: where labels change with every deployment, two weeks of what
    is gone would soon outweigh what is there.
    """

    def __init__(self, *, step: int, length: int, max_points: int, keep: int) -> None:
        self._fine, self._length, self._max_points, self._keep = step, length, max_points, keep
        self._lock = threading.Lock()
        self._keys: Keys = ()
        self._step = step
        while length // self._step > max_points:
            self._step *= 2
        self._begins = 0  # before that nothing is to be had
        self._first = 0  # time of column 0
        self._used = 0
        self._values: Floats = np.empty((0, 0))
        self._covered: Bools = np.empty(0, bool)
        self._surveyed = self._step == step

    @property
    def keys(self) -> Keys:
        return self._keys

    @property
    def step(self) -> int:
        """Nanoseconds between columns."""
        return self._step

    def missing(self, now: int) -> list[Window]:
        """The spans up to ``now`` that were not read yet."""
        with self._lock:
            times = Window.ending(now, self._length, self._step).times()
            times = times[times >= self._begins]
            column = (times - self._first) // self._step
            known = (column >= 0) & (column < self._used)
            have = np.zeros(len(times), bool)
            have[known] = self._covered[column[known]]
            edges = np.flatnonzero(np.diff(np.concatenate([[True], have, [True]]).astype(np.int8)))
            return [
                Window(int(times[a]), int(times[b - 1]), self._step)
                for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
            ]

    def add(self, panel: Panel) -> None:
        """Take what of ``panel`` lies on the grid; its times count as read."""
        with self._lock:
            on_grid = np.flatnonzero(panel.times % self._step == 0)
            if not len(on_grid):
                return
            times = panel.times[on_grid]
            self._make_room(int(times[0]), int(times[-1]), panel.keys)
            columns = (times - self._first) // self._step
            inside = columns >= 0  # the rest is older than the window
            columns, on_grid = columns[inside], on_grid[inside]
            rows = positions(panel.keys, self._keys)
            self._values[np.ix_(rows, columns)] = panel.values[:, on_grid]
            self._covered[columns] = True
            self._used = max(self._used, int(columns.max(initial=-1)) + 1)

    def settle(self, now: int) -> bool:
        """Fit the grid to the span of the data; True when a finer one is to be read anew."""
        with self._lock:
            seen = np.flatnonzero(np.isfinite(self._values[:, : self._used]).any(axis=0))
            span = now - (self._first + int(seen[0]) * self._step) if len(seen) else 0
            span = min(span, self._length)
            if not self._surveyed:
                self._surveyed = True
                return self._refine(now, span)
            while span // self._step > self._max_points:
                self._coarsen()
            self._drop_before(now - self._keep)
            return False

    def began(self, keys: Keys) -> Ints:
        """``[S]``: when the first sample of each of ``keys`` was; the end of time where it has none."""
        with self._lock:
            some = np.isfinite(self._values[:, : self._used])
            first = self._first + self._step * np.argmax(some, axis=1) if self._used else np.empty(0, np.int64)
            rows = positions(keys, self._keys)
            began = np.full(len(keys), np.iinfo(np.int64).max)
            known = np.flatnonzero(rows >= 0)
            known = known[some[rows[known]].any(axis=1)]
            began[known] = first[rows[known]]
            return began

    def alive(self, since: int) -> Keys:
        """The series that have a sample at ``since`` or later."""
        with self._lock:
            return self._keys_with(self._samples_since(since))

    def panel(self, keys: Keys, now: int) -> Panel:
        """The window that ends at ``now``, for ``keys``: a copy."""
        with self._lock:
            wanted = Window.ending(now, self._length, self._step)
            first = max(0, (wanted.start - self._first) // self._step)
            last = min(self._used, (wanted.end - self._first) // self._step + 1)
            times = self._first + self._step * np.arange(first, last, dtype=np.int64)
            rows = positions(keys, self._keys)
            values = np.full((len(keys), len(times)), np.nan)
            values[rows >= 0] = self._values[rows[rows >= 0], first:last]
            return Panel(keys, times, values)

    def _refine(self, now: int, span: int) -> bool:
        step = self._fine
        while span // step > self._max_points:
            step *= 2
        if step == self._step:
            return False
        # Nothing lies before the span, less what the coarse look may have missed; so no room is taken for it.
        self._begins = now - span - self._step
        self._keys, self._step, self._first, self._used = (), step, 0, 0
        self._values, self._covered = np.empty((0, 0)), np.empty(0, bool)
        return True

    def _coarsen(self) -> None:
        skip = (self._first // self._step) % 2
        self._values = self._values[:, skip : self._used : 2].copy()
        self._covered = self._covered[skip : self._used : 2].copy()
        self._first += skip * self._step
        self._step *= 2
        self._used = self._values.shape[1]

    def _drop_before(self, since: int) -> None:
        alive = self._samples_since(since)
        if not alive.all():
            self._keys = self._keys_with(alive)
            self._values = self._values[alive]

    def _samples_since(self, since: int) -> Bools:
        first = max(0, -(-(since - self._first) // self._step))
        return np.asarray(np.isfinite(self._values[:, first : self._used]).any(axis=1))

    def _keys_with(self, some: Bools) -> Keys:
        return self._keys if some.all() else tuple(compress(self._keys, some.tolist()))

    def _make_room(self, first: int, last: int, keys: Keys) -> None:
        """Have columns for ``first … last`` and rows for ``keys``; what is older than the window goes."""
        step = self._step
        if not self._values.shape[1]:
            self._first = first
        newest = max(last, self._first + (self._used - 1) * step)
        oldest = max(min(first, self._first), newest - self._length // step * step)
        both = union(self._keys, keys)
        fits = oldest >= self._first and (newest - self._first) // step < self._values.shape[1]
        if fits and len(both) == len(self._keys):
            return
        columns = (newest - oldest) // step + 1
        columns += columns // _ROOM + 1
        values, covered = np.full((len(both), columns), np.nan), np.zeros(columns, bool)
        shift = (oldest - self._first) // step  # old column minus new column
        source = slice(max(0, shift), max(0, self._used))
        kept = max(0, source.stop - source.start)
        target = slice(max(0, -shift), max(0, -shift) + kept)
        values[: len(self._keys), target] = self._values[:, source]
        covered[target] = self._covered[source]
        self._values, self._covered, self._keys = values, covered, both
        self._first, self._used = oldest, target.stop if kept else 0
