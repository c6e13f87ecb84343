"""What is anomalous in a table, series by series, as its rows go by."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sentio.detection.run import Scored
from sentio.tables.lay import key_of
from sentio.tables.reader import Table
from sentio.types import Floats, Ints, SeriesKey

_APART = 3
"""Flags that are nearer than so many samples of their series are of one episode."""
_KEPT = 1000
"""Episodes that are kept, the worst ones; the others are counted."""


@dataclass(slots=True)
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

    def __lt__(self, other: Episode) -> bool:
        return self.peak < other.peak


@dataclass(slots=True)
class Summary:
    """Of one series: its samples, those that were judged, those that were flagged, and in how many episodes."""

    samples: int = 0
    judged: int = 0
    flagged: int = 0
    episodes: int = 0
    open: Episode | None = None
    since: int = 0
    """Samples since the last flag."""


@dataclass(slots=True)
class Found:
    """Hears of all rows of ``table``; `end` is called after the last."""

    table: Table
    series: dict[SeriesKey, Summary] = field(default_factory=dict)
    rows: int = 0
    failed: Mapping[SeriesKey, str] = field(default_factory=dict)
    """Series that are judged no longer, and why."""
    _worst: list[Episode] = field(default_factory=list)

    def add(self, scored: Scored) -> None:
        """Take the next rows."""
        self.rows += len(scored.rows)
        self.failed = scored.failed
        for group, labels in enumerate(scored.rows.groups):
            rows = np.flatnonzero(scored.rows.group == group)
            for j, sensor in enumerate(self.table.sensors):
                key = key_of(self.table.name, sensor, self.table.by, labels)
                there = rows[np.isfinite(scored.rows.values[j, rows])]
                self._add(key, scored, j, there)

    def _add(self, key: SeriesKey, scored: Scored, j: int, rows: Ints) -> None:
        one = self.series.setdefault(key, Summary())
        flags: Floats = scored.flag[j, rows]
        one.samples += len(rows)
        one.judged += int(np.isfinite(flags).sum())
        flagged = np.flatnonzero(flags == 1)
        one.flagged += len(flagged)
        before = -one.since - 1
        for i in flagged.tolist():
            row = int(rows[i])
            if one.open is None or i - before > _APART:
                self._close(one)
                one.episodes += 1
                one.open = _begun(key, scored, row)
            _prolong(one.open, scored, j, row)
            before = i
        one.since = len(rows) - 1 - before

    def _close(self, one: Summary) -> None:
        if one.open is None:
            return
        if len(self._worst) < _KEPT:
            heapq.heappush(self._worst, one.open)
        else:
            heapq.heappushpop(self._worst, one.open)
        one.open = None

    def end(self) -> list[Episode]:
        """The worst episodes, in the order in which they began."""
        for one in self.series.values():
            self._close(one)
        return sorted(self._worst, key=lambda episode: (episode.start, str(episode.key)))

    @property
    def episodes(self) -> int:
        """How many there are of all series."""
        return sum(one.episodes for one in self.series.values())


def _begun(key: SeriesKey, scored: Scored, row: int) -> Episode:
    at = int(scored.rows.times[row])
    return Episode(key, at, at, 0, -np.inf, at, np.nan)


def _prolong(episode: Episode, scored: Scored, j: int, row: int) -> None:
    episode.end = int(scored.rows.times[row])
    episode.samples += 1
    if scored.standard[j, row] > episode.peak:
        episode.peak, episode.peak_at = float(scored.standard[j, row]), episode.end
        episode.value = float(scored.rows.values[j, row])
