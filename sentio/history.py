"""The newest window of each series, kept so that a tick reads only what is new.

The columns lie on multiples of a grid step: the pipeline's step times a power of two, the smallest that keeps
the span of the data within ``max_points`` columns. A young series is so learned from every sample, and two
weeks from some thousand; when the span outgrows the grid, every other column is let go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

import numpy as np

from sentio.types import Bools, Floats, Ints, Keys, Panel, SeriesKey, Window

_WIDTH = 64
"""Columns of a block; even, so that two blocks of a grid are one of the next."""
_NEVER = np.iinfo(np.int64).max
_ALWAYS = np.iinfo(np.int64).min
"""Before all times."""


@dataclass(slots=True)
class _Block:
    """``values [R, _WIDTH]`` of the first R series, infinite where a sample was left out, and which of its columns were
    read, ``covered [_WIDTH]``."""

    values: Floats
    covered: Bools

    def have_rows(self, count: int) -> None:
        if count > len(self.values):
            values = np.full((count, _WIDTH), np.nan)
            values[: len(self.values)] = self.values
            self.values = values


class History:
    """Values ``[S, n]`` of the last ``length`` nanoseconds; safe for use by several threads.

    A series without a sample for ``keep`` ns is let go: where labels change with every deployment, two weeks of what
    is gone would soon outweigh what is there.

    Column c has the time c × step. Columns are kept in blocks, so that the window moves on, and series come, without
    a copy of all that is there.
    """

    def __init__(self, *, step: int, length: int, max_points: int, keep: int) -> None:
        self._fine, self._length, self._max_points, self._keep = step, length, max_points, keep
        self._lock = threading.Lock()
        self._keys: Keys = ()
        self._arrived: Ints = np.empty(0, np.int64)
        """``[S]`` ns of the newest sample, whether it was kept or not."""
        self._rows: dict[SeriesKey, int] = {}
        self._step = step
        while length // self._step > max_points:
            self._step *= 2
        self._begins = 0  # before that nothing is to be had
        self._newest = 0  # the last column that was read
        self._blocks: dict[int, _Block] = {}
        self._surveyed = self._step == step
        self.at_once = np.inf
        """So many columns at a time can be read, as far as is known."""

    @property
    def keys(self) -> Keys:
        return self._keys

    @property
    def step(self) -> int:
        """Nanoseconds between columns."""
        return self._step

    @property
    def columns(self) -> int:
        """How many samples a series can have here now, and some."""
        return _WIDTH * len(self._blocks)

    def missing(self, now: int) -> list[Window]:
        """The spans up to ``now`` that were not read yet."""
        with self._lock:
            times, have = self._covered(now)
            edges = np.flatnonzero(np.diff(np.concatenate([[True], have, [True]]).astype(np.int8)))
            return [
                Window(int(times[a]), int(times[b - 1]), self._step)
                for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
            ]

    def add(self, panel: Panel, left_out: Bools | None = None) -> None:
        """Take what of ``panel`` lies on the grid, but for what is ``left_out [S, n]``; its times count as read."""
        with self._lock:
            columns = panel.times // self._step
            on_grid = panel.times % self._step == 0
            newest = max(self._newest, int(columns[on_grid].max(initial=0)))
            oldest = newest - self._length // self._step
            taken = on_grid & (columns >= oldest)
            if not taken.any():
                return
            self._newest = newest
            rows = self._rows_for(panel.keys)
            self._note_arrivals(rows, panel)
            kept = (
                panel.values
                if left_out is None
                else np.where(left_out & np.isfinite(panel.values), np.inf, panel.values)
            )
            for number in np.unique(columns[taken] // _WIDTH).tolist():
                block = self._blocks.setdefault(number, _Block(np.empty((0, _WIDTH)), np.zeros(_WIDTH, bool)))
                block.have_rows(len(self._keys))
                some = np.flatnonzero(taken & (columns // _WIDTH == number))
                at = columns[some] % _WIDTH
                block.values[np.ix_(rows, at)] = kept[:, some]
                block.covered[at] = True
            for number in [n for n in self._blocks if (n + 1) * _WIDTH <= oldest]:
                del self._blocks[number]

    def back_to(self, now: int) -> None:
        """Let go of what lies after ``now``: the clock was ahead, and all that comes would be older than the window."""
        with self._lock:
            self._newest = min(self._newest, now // self._step)
            self._arrived = np.minimum(self._arrived, now)
            self._begins = self._begins if self._begins <= now else 0
            number, after = self._newest // _WIDTH, self._newest % _WIDTH + 1
            self._blocks = {n: block for n, block in self._blocks.items() if n <= number}
            if block := self._blocks.get(number):
                block.values[:, after:], block.covered[after:] = np.nan, False

    def settle(self, now: int) -> bool:
        """Fit the grid to the span of the data; True when a finer one is to be read anew."""
        with self._lock:
            first = self._first_column()
            span = 0 if first is None else min(now - first * self._step, self._length)
            if not self._surveyed:
                # What is still missing, as after a partial answer, may be where the data begin.
                self._surveyed = bool(self._covered(now)[1].all())
                if self._surveyed and self._refine(now, span):
                    return True
            while span // self._step > self._max_points:
                self._coarsen()
            self._drop_before(now - self._keep)
            return False

    def began(self, keys: Keys) -> Ints:
        """``[S]``: when the first sample of each of ``keys`` was; the end of time where it has none."""
        with self._lock:
            began = np.full(len(keys), _NEVER)
            rows = self._known_rows(keys)
            for number, block in sorted(self._blocks.items()):
                there = np.flatnonzero((began == _NEVER) & (rows >= 0) & (rows < len(block.values)))
                some = np.isfinite(block.values[rows[there]])
                found = some.any(axis=1)
                began[there[found]] = self._step * (number * _WIDTH + np.argmax(some[found], axis=1))
            return began

    def alive(self, since: int) -> Keys:
        """The series that had a sample at ``since`` or later, left out or not."""
        with self._lock:
            return self._keys_with(self._samples_since(since))

    def panel(self, keys: Keys, now: int, length: int | None = None) -> Panel:
        """The window that ends at ``now``, or its last ``length`` ns, for ``keys``: a copy."""
        return self.with_left_out(keys, now, length)[0]

    def with_left_out(self, keys: Keys, now: int, length: int | None = None) -> tuple[Panel, Bools]:
        """The same, and ``[S, n]`` which of its samples were left out: they did arrive."""
        with self._lock:
            wanted = Window.ending(now, self._length if length is None else length, self._step)
            covered = [n * _WIDTH + int(np.argmax(b.covered)) for n, b in self._blocks.items() if b.covered.any()]
            first = max(wanted.start // self._step, min(covered, default=0))
            last = min(wanted.end // self._step, self._newest if covered else -1)
            times = self._step * np.arange(first, last + 1, dtype=np.int64)
            values = np.full((len(keys), len(times)), np.nan)
            rows = self._known_rows(keys)
            for block, inside, outside in self._parts(first, last + 1):
                there = (rows >= 0) & (rows < len(block.values))
                values[there, outside] = block.values[rows[there], inside]
        left_out = np.isinf(values)
        values[left_out] = np.nan
        return Panel(keys, times, values), left_out

    def _parts(self, first: int, end: int) -> Iterator[tuple[_Block, slice, slice]]:
        """The blocks that have some of the columns ``first … end - 1``: where there, and which of these."""
        for number, block in self._blocks.items():
            start, stop = max(first, number * _WIDTH), min(end, (number + 1) * _WIDTH)
            if start < stop:
                origin = number * _WIDTH
                yield block, slice(start - origin, stop - origin), slice(start - first, stop - first)

    def _covered(self, now: int) -> tuple[Ints, Bools]:
        """``[n]``: the times of the window that ends at ``now``, and which of them were read."""
        times = Window.ending(now, self._length, self._step).times()
        times = times[times >= self._begins]
        have = np.zeros(len(times), bool)
        first = int(times[0]) // self._step if len(times) else 0
        for block, inside, outside in self._parts(first, first + len(times)):
            have[outside] = block.covered[inside]
        return times, have

    def _note_arrivals(self, rows: Ints, panel: Panel) -> None:
        """What is left out is not learned from, and yet the series is there."""
        there = np.isfinite(panel.values)
        last = np.where(there.any(axis=1), panel.times[-1 - np.argmax(there[:, ::-1], axis=1)], _ALWAYS)
        self._arrived[rows] = np.maximum(self._arrived[rows], last)

    def _rows_for(self, keys: Keys) -> Ints:
        """The row of each of ``keys``; those that are new get the next ones."""
        if keys != self._keys:
            new = tuple(key for key in keys if key not in self._rows)
            self._rows.update(zip(new, range(len(self._keys), len(self._keys) + len(new)), strict=True))
            self._keys += new
            self._arrived = np.concatenate([self._arrived, np.full(len(new), _ALWAYS)])
        return self._known_rows(keys)

    def _known_rows(self, keys: Keys) -> Ints:
        """The row of each of ``keys``, or -1."""
        if keys == self._keys:
            return np.arange(len(keys), dtype=np.int64)
        return np.fromiter((self._rows.get(key, -1) for key in keys), np.int64, len(keys))

    def _first_column(self) -> int | None:
        """The first column that has a sample."""
        for number, block in sorted(self._blocks.items()):
            seen = np.isfinite(block.values).any(axis=0)
            if seen.any():
                return number * _WIDTH + int(np.argmax(seen))
        return None

    def _refine(self, now: int, span: int) -> bool:
        step = self._fine
        while span // step > self._max_points:
            step *= 2
        if step == self._step:
            return False
        # Nothing lies before the span, less what the coarse look may have missed; so no room is taken for it.
        self._begins = now - span - self._step
        self._keys, self._rows, self._blocks = (), {}, {}
        self._arrived = np.empty(0, np.int64)
        self._step, self._newest = step, 0
        return True

    def _coarsen(self) -> None:
        fine, self._blocks = self._blocks, {}
        self._step, self._newest = 2 * self._step, self._newest // 2
        for number in sorted(fine):
            old = fine.pop(number)
            block = self._blocks.setdefault(number // 2, _Block(np.empty((0, _WIDTH)), np.zeros(_WIDTH, bool)))
            block.have_rows(len(old.values))
            half = slice(number % 2 * _WIDTH // 2, (number % 2 + 1) * _WIDTH // 2)
            block.values[: len(old.values), half] = old.values[:, ::2]
            block.covered[half] = old.covered[::2]

    def _drop_before(self, since: int) -> None:
        alive = self._samples_since(since)
        if not alive.all():
            self._keys = self._keys_with(alive)
            self._arrived = self._arrived[alive]
            self._rows = {key: row for row, key in enumerate(self._keys)}
            for block in self._blocks.values():
                block.values = block.values[alive[: len(block.values)]]

    def _samples_since(self, since: int) -> Bools:
        """``[S]``: there was a sample at ``since`` or later, in the window."""
        begins = self._step * _WIDTH * min(self._blocks, default=0)
        return np.asarray(self._arrived >= max(since, begins))

    def _keys_with(self, some: Bools) -> Keys:
        return self._keys if some.all() else tuple(compress(self._keys, some.tolist()))
