"""What is anomalous in a table, series by series, as its rows go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sentio.detection.roll import Roll, grown, ranks, runs
from sentio.detection.run import Scored
from sentio.tables.reader import Table
from sentio.types import Array, Ints, SeriesKey

_APART = 3
"""Flags that are nearer than so many samples of their series are of one episode."""
_KEPT = 1000
"""Episodes that are kept, the worst ones; the others are counted."""
_SPELL = np.dtype([
    ("series", np.int64), ("start", np.int64), ("end", np.int64), ("samples", np.int64),
    ("peak", np.float64), ("peak_at", np.int64), ("value", np.float64),
])  # fmt: skip
"""An episode as a row; of no samples, none."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Samples of one series that were flagged one after another; ``peak`` is the highest standard score, of the sample
    ``value`` at ``peak_at`` ns."""

    key: SeriesKey
    start: int
    end: int
    samples: int
    peak: float
    peak_at: int
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one series: its samples, those that were judged, those that were flagged, and in how many episodes."""

    samples: int
    judged: int
    flagged: int
    episodes: int


class Found:
    """Hears of all rows of ``table``; `end` is called after the last. ``failed``: series that are judged no longer, and
    why."""

    def __init__(self, table: Table) -> None:
        self.table, self.rows = table, 0
        self.roll = Roll(table.name, table.sensors, table.by)
        self.failed: Mapping[SeriesKey, str] = {}
        self.series: dict[SeriesKey, Summary] = {}
        """Once all rows are there."""
        self._counts = np.zeros((0, 4), np.int64)
        self._since = np.zeros(0, np.int64)  # samples since the last flag
        self._open, self._worst = np.zeros(0, _SPELL), np.zeros(0, _SPELL)

    def add(self, scored: Scored) -> None:
        """Take the next rows."""
        self.rows += len(scored.rows)
        self.failed = scored.failed
        numbers, there = self.roll.numbers(scored.rows), np.isfinite(scored.rows.values)
        self._make_room(len(self.roll.keys))
        order = np.argsort(numbers[there], kind="stable")
        series, flag = numbers[there][order], scored.flag[there][order]
        if not len(series):
            return
        first, count = runs(series)
        flagged = np.flatnonzero(flag == 1)
        at = np.broadcast_to(scored.rows.times, there.shape)[there][order[flagged]]
        samples = _flags(series[flagged], at, scored.standard[there], scored.rows.values[there], order[flagged])
        self._take(samples, ranks(first, count)[flagged])
        self._count(series[first], count, np.add.reduceat(np.isfinite(flag), first, dtype=np.int64))
        self._wait(series, first, count, flagged)

    def _make_room(self, series: int) -> None:
        self._counts, self._since = grown(self._counts, series), grown(self._since, series)
        if series > len(self._open):
            self._open = np.concatenate([self._open, np.zeros(series - len(self._open), _SPELL)])

    def _count(self, series: Ints, samples: Ints, judged: Ints) -> None:
        self._counts[series, 0] += samples
        self._counts[series, 1] += judged

    def _wait(self, series: Ints, first: Ints, count: Ints, flagged: Ints) -> None:
        """How long ago the last flag of each series is."""
        self._since[series[first]] += count
        # Where one has several, the last stays.
        last = np.repeat(first + count, count)[flagged] - flagged - 1
        self._since[series[flagged]] = last

    def _take(self, flags: Array, rank: Ints) -> None:
        """``flags [f]``: a spell of one sample each, sorted by series; ``rank``: which sample of its series here."""
        if not len(flags):
            return
        series = flags["series"]
        self._counts[:, 2] += np.bincount(series, minlength=len(self._counts))
        begins = np.diff(series, prepend=-1) != 0
        apart = np.where(begins, rank + self._since[series] + 1, np.diff(rank, prepend=0))
        new = (apart > _APART) | (begins & (self._open["samples"][series] == 0))
        spells = _joined(flags, np.flatnonzero(begins | new))
        new = new[begins | new]
        self._prolong(spells[~new])
        self._begin(spells[new])

    def _prolong(self, spells: Array) -> None:
        """The open ones by ``spells``, at most one of a series."""
        series = spells["series"]
        before = self._open[series]
        after = np.where(spells["peak"] > before["peak"], spells, before)
        after["start"], after["end"] = before["start"], spells["end"]
        after["samples"] = before["samples"] + spells["samples"]
        self._open[series] = after

    def _begin(self, spells: Array) -> None:
        """Of each series the last of ``spells`` is open, and the others are over with what was open."""
        series = spells["series"]
        self._counts[:, 3] += np.bincount(series, minlength=len(self._counts))
        last = np.diff(series, append=-1) != 0
        self._close(self._open[series[last]])
        self._close(spells[~last])
        self._open[series[last]] = spells[last]

    def _close(self, spells: Array) -> None:
        worst = np.concatenate([self._worst, spells[spells["samples"] > 0]])
        self._worst = worst[np.sort(np.argsort(-worst["peak"], kind="stable")[:_KEPT])]

    def end(self) -> list[Episode]:
        """The worst episodes, in the order in which they began."""
        self._close(self._open)
        self._open = np.zeros(0, _SPELL)
        counts = self._counts.tolist()
        self.series = {key: Summary(*of) for key, of in zip(self.roll.keys, counts, strict=True)}
        found = (Episode(self.roll.keys[series], *spell) for series, *spell in self._worst.tolist())
        return sorted(found, key=lambda episode: (episode.start, str(episode.key)))

    @property
    def episodes(self) -> int:
        """How many there are of all series."""
        return int(self._counts[:, 3].sum())


def _flags(series: Ints, at: Ints, standard: Array, values: Array, rows: Ints) -> Array:
    """A spell of one sample for each of ``rows [f]`` of ``standard`` and ``values``."""
    flags = np.empty(len(series), _SPELL)
    flags["series"], flags["start"], flags["end"], flags["samples"] = series, at, at, 1
    flags["peak_at"], flags["value"] = at, values[rows]
    flags["peak"] = np.nan_to_num(standard[rows], nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return flags


def _joined(flags: Array, first: Ints) -> Array:
    """``flags`` as spells, of which each begins with one of ``first``."""
    count = np.diff(first, append=len(flags))
    peak = np.maximum.reduceat(flags["peak"], first)
    highest = np.flatnonzero(flags["peak"] == np.repeat(peak, count))
    spells = flags[highest[np.searchsorted(highest, first)]]
    spells["start"], spells["end"], spells["samples"] = flags["start"][first], flags["end"][first + count - 1], count
    return spells
