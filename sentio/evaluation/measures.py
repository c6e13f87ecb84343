"""Incidents caught and false alarms a day, counted as an operator would.

An incident is a run of labelled samples, widened on both sides by 15 minutes or two steps, whichever is more. It is
caught when a sample in it reaches the threshold. Samples outside that reach it are false: they are grouped in episodes,
with gaps of at most an hour or three steps, and an episode counts once, and once more for each six hours that it lasts,
so that an alarm left burning is not cheap. One threshold holds for a whole set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentio.types import Bools, Floats, Ints

RATES = (0.05, 0.1, 0.2, 0.5)
"""False alarms a series and day at which recall is told."""
DAY_S = 86_400
_WIDEN_S, _WIDEN_STEPS = 900, 2
_GAP_S, _GAP_STEPS = 3600, 3
_EPISODE_S = 21_600
_THRESHOLDS = 1 - np.logspace(-5.3, -0.3, 80)
"""Quantiles of the positive scores of a set: the thresholds that are tried."""
_HIGHEST = 1e12


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The scored part of one series: ``seconds [n]`` since the epoch, none before the one to its left, ``labels [n]``
    (0, 1), ``score [n]``; ``step`` in seconds. A score of NaN counts as 0."""

    seconds: Floats
    labels: Ints
    score: Floats
    step: float

    @property
    def days(self) -> float:
        """From its first sample to the last."""
        return float(self.seconds[-1] - self.seconds[0]) / DAY_S


@dataclass(frozen=True, slots=True)
class Counts:
    """What one threshold gives: ``delay`` is the sum over those caught, in seconds."""

    incidents: int = 0
    caught: int = 0
    false: int = 0
    delay: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.incidents + other.incidents,
            self.caught + other.caught,
            self.false + other.false,
            self.delay + other.delay,
        )


def runs(labels: Ints) -> tuple[Ints, Ints]:
    """Index of the first and of the last sample of each run of ones in ``labels [n]``."""
    edge = np.diff(np.concatenate([[0], labels, [0]]))
    return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1) - 1


def near_incident(seconds: Floats, labels: Ints, step: float) -> Bools:
    """``[n]``: the sample lies in an incident, widened as it is for the count. ``seconds`` do not go back."""
    return _within(len(seconds), *_windows(seconds, labels, step))


def _windows(seconds: Floats, labels: Ints, step: float) -> tuple[Ints, Ints]:
    """Of each incident, widened, the index of its first sample, and of the first one behind it."""
    begin, end = runs(labels)
    widen = max(_WIDEN_S, _WIDEN_STEPS * step)
    first = np.searchsorted(seconds, seconds[begin] - widen)
    return first, np.searchsorted(seconds, seconds[end] + widen, side="right")


def _within(length: int, first: Ints, behind: Ints) -> Bools:
    """``[length]``: the index lies in one of the windows, which may overlap."""
    edges = np.bincount(first, minlength=length + 1) - np.bincount(behind, minlength=length + 1)
    return np.asarray(np.cumsum(edges[:length]) > 0)


def episodes(seconds: Floats, step: float) -> int:
    """How many false alarms samples at ``seconds [n]`` are."""
    if not len(seconds):
        return 0
    gap = max(_GAP_S, _GAP_STEPS * step)
    start = np.flatnonzero(np.concatenate([[True], np.diff(seconds) > gap]))
    end = np.append(start[1:] - 1, len(seconds) - 1)
    return int((1 + (seconds[end] - seconds[start]) // _EPISODE_S).sum())


class Counter:
    """Counts one `Track` at any threshold; what does not depend on it is worked out once."""

    def __init__(self, track: Track) -> None:
        score = np.nan_to_num(track.score, nan=0.0, posinf=_HIGHEST, neginf=0.0)
        self.days, self.score, self._step = track.days, score, track.step
        begin, _ = runs(track.labels)
        self._begin = track.seconds[begin]
        windows = _windows(track.seconds, track.labels, track.step)
        parts = [slice(first, behind) for first, behind in zip(*(w.tolist() for w in windows), strict=True)]
        self._seconds, self._scores = [track.seconds[part] for part in parts], [score[part] for part in parts]
        inside = _within(len(score), *windows)
        self._outside_seconds, self._outside_score = track.seconds[~inside], score[~inside]
        self._peaks = np.array([s.max(initial=-np.inf) for s in self._scores])

    def at(self, threshold: float) -> Counts:
        """With what reaches ``threshold`` as an alarm."""
        caught = np.flatnonzero(self._peaks >= threshold)
        delay = 0.0
        for i in caught.tolist():
            first = int(np.argmax(self._scores[i] >= threshold))
            delay += max(0.0, float(self._seconds[i][first] - self._begin[i]))
        false = episodes(self._outside_seconds[self._outside_score >= threshold], self._step)
        return Counts(len(self._begin), len(caught), false, delay)


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Shares, ``false`` a series and day, ``delay`` in minutes (NaN where nothing is caught).

    ``precision`` is NaN where there is no incident, or nothing reaches the threshold."""

    threshold: float
    recall: float
    false: float
    precision: float
    delay: float
    noisy: float
    """The share of series with more than twice the false alarms a day of all together;"""
    by_chance: float
    """and what that would be, were all series alike and their false alarms independent (Poisson)."""


def _over_twice(mean: float) -> float:
    """The probability that a Poisson variable is more than twice its ``mean``."""
    if not mean > 0:
        return 0.0
    most = range(int(2 * mean) + 1)
    return max(0.0, 1 - sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in most))


class Curve:
    """Recall against false alarms, for series that share one threshold."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._counters = [Counter(track) for track in tracks]
        self.days = sum(c.days for c in self._counters)
        self.series = len(self._counters)
        self.incidents = sum(c.at(np.inf).incidents for c in self._counters)
        self._points: list[tuple[float, float]] | None = None

    def recall(self, rate: float) -> float:
        """The highest that a threshold gives with at most ``rate`` false alarms a series and day; NaN without an
        incident."""
        if not self.incidents:
            return float("nan")
        if self._points is None:
            self._points = [(t.false, t.recall) for t in map(self.at, self._thresholds())]
        return max((recall for false, recall in self._points if false <= rate), default=0.0)

    def _thresholds(self) -> list[float]:
        pool = np.concatenate([c.score for c in self._counters]) if self._counters else np.empty(0)
        pool = pool[pool > 0]
        return [float(t) for t in np.unique(np.quantile(pool, _THRESHOLDS))] if len(pool) else []

    def at(self, threshold: float) -> AtThreshold:
        """What ``threshold`` gives."""
        each = [c.at(threshold) for c in self._counters]
        total = sum(each, Counts())
        raised = total.caught + total.false
        rate = total.false / self.days if self.days else float("nan")
        noisy = [n.false / max(c.days, 1e-9) > 2 * rate for n, c in zip(each, self._counters, strict=True)]
        return AtThreshold(
            threshold,
            recall=total.caught / max(total.incidents, 1) if total.incidents else float("nan"),
            false=rate,
            precision=total.caught / raised if total.incidents and raised else float("nan"),
            delay=total.delay / total.caught / 60 if total.caught else float("nan"),
            noisy=float(np.mean(noisy)) if noisy else float("nan"),
            by_chance=float(np.mean([_over_twice(rate * c.days) for c in self._counters])) if noisy else float("nan"),
        )


def covered(value: Floats, lower: Floats, upper: Floats, count: Bools) -> tuple[int, int]:
    """Of the samples ``count [n]`` that have a band: how many lie in it, and how many there are."""
    has = count & np.isfinite(value) & np.isfinite(lower) & np.isfinite(upper)
    return int(((value >= lower) & (value <= upper) & has).sum()), int(has.sum())
