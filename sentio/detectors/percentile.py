"""Where a sample ranks among others, after datastream.io's Percentile1D, Quantile1D and its percentile example.

The rank is `scipy.stats.percentileofscore` with ``kind="rank"``: equal samples count half.

==============  ====  ==========================================================================
sample          S×w   what is ranked in, sorted; ``held [S]`` of it are samples
recent          S×w   the newest samples, in a ring; ``seen [S]`` were ever put there
number          [S]   samples of the batch under way
==============  ====  ==========================================================================
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sentio.compiled import kernel
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_Threshold = Annotated[float, Field(gt=0.5, lt=1)]


class _Known(NamedTuple):
    sample: Floats
    held: Ints
    recent: Floats
    seen: Ints
    number: Ints


class Percentile1D(Online):
    """A `sentio.contracts.Detector`. A series is ready with 30 samples; no rank among fewer says anything."""

    class Options(Base):
        """As datastream.io has them; its ``ff`` does nothing there."""

        threshold: _Threshold = 0.99
        """A sample is anomalous whose ``score``, its rank, is above this or below one less this."""
        window: Annotated[int, Field(ge=2)] = 300
        """Samples that it is ranked in."""
        batch: Annotated[int, Field(ge=2)] = 1000
        """Samples of a series that are learned from at a time."""

    begins_at_once = False
    least = 30
    outputs = ("score",)

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        room, counts = (series, self._options.window), (np.zeros(series, np.int64) for _ in range(3))
        return dict(zip(_Known._fields, (np.zeros(room), next(counts), np.zeros(room), *counts), strict=True))

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """The history is the first batch, however long it is."""
        known = _Known(*(own[name] for name in _Known._fields))
        _judge(values, np.zeros(values.shape, bool), _ENDLESS, self.least, known, np.empty(values.shape))
        _end_all(self.least, known)

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        known = _Known(*(own[name] for name in _Known._fields))
        rank = np.full(values.shape, np.nan)
        _judge(values, again, self._options.batch, self.least, known, rank)
        return _said(rank, self._options.threshold)


class Quantile1D(Percentile1D):
    """A `sentio.contracts.Detector`: `Percentile1D` with a shorter memory."""

    class Options(Percentile1D.Options):
        """Those of `Percentile1D`."""

        window: Annotated[int, Field(ge=2)] = 100
        """Samples that it is ranked in."""


class Percentile(Online):
    """A `sentio.contracts.Detector` that ranks in what the history was, and forgets nothing of it.

    datastream.io ranks a sample in the very data that it is scored with. A stream has no such thing: what a sample is
    told with must not decide what is said of it.
    """

    class Options(Base):
        """``keep`` is what bounds the state."""

        threshold: _Threshold = 0.99
        """A sample is anomalous whose ``score``, its rank, is above this or below one less this."""
        keep: Annotated[int, Field(ge=2)] = 2000
        """Samples of a series that are kept, evenly chosen by rank from a longer history."""

    outputs = ("score",)

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options
        # With fewer, each new extreme would be as rare as the threshold asks for.
        self.least = min(options.keep, math.ceil(1 / (1 - options.threshold) - 1e-9))

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        return {"sample": np.zeros((series, self._options.keep)), "held": np.zeros(series, np.int64)}

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """All of the history at once."""
        _thin(np.sort(values, axis=1), own["sample"], own["held"])

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`: what a short history lacks is made up for by the samples after it."""
        rank = np.full(values.shape, np.nan)
        _fill(values, again, self.least, own["sample"], own["held"], rank)
        return _said(rank, self._options.threshold)


_ENDLESS = int(np.iinfo(np.int64).max)


def _said(rank: Floats, threshold: float) -> dict[str, Floats]:
    flag = (rank > threshold) | (rank < 1 - threshold)
    standard, anomaly = agreeing(np.abs(rank - 0.5) / (threshold - 0.5), flag)
    return {SCORE: standard, ANOMALY: anomaly, "score": rank}


@kernel
def _rank(sample: Floats, value: float) -> float:
    """In a sorted ``sample``; the terms in SciPy's order, for thresholds are met to the last bit."""
    below, upto = np.searchsorted(sample, value), np.searchsorted(sample, value, side="right")
    return 0.01 * ((below + upto + (1 if below < upto else 0)) * (50.0 / len(sample)))


@kernel
def _judge(values: Floats, again: Bools, batch: int, least: int, known: _Known, rank: Floats) -> None:
    """``rank [S, m]``."""
    window = known.recent.shape[1]
    for s in range(len(values)):
        for j in range(values.shape[1]):
            value = values[s, j]
            if np.isnan(value):
                continue
            if known.held[s] > 0:
                rank[s, j] = _rank(known.sample[s, : known.held[s]], value)
            if again[s, j]:
                continue
            known.number[s] += 1
            # The first batch leaves its first samples, each further one its last.
            if known.held[s] > 0 or known.seen[s] < window:
                known.recent[s, known.seen[s] % window] = value
                known.seen[s] += 1
            if known.number[s] >= batch:
                _end(s, least, known)


@kernel
def _end(s: int, least: int, known: _Known) -> None:
    """Rank in the newest samples from now on; a first batch of too few goes on."""
    if known.held[s] == 0 and known.number[s] < least:
        return
    count = min(known.seen[s], known.recent.shape[1])
    known.sample[s, :count] = np.sort(known.recent[s, :count])
    known.held[s], known.number[s] = count, 0


@kernel
def _end_all(least: int, known: _Known) -> None:
    for s in range(len(known.number)):
        if known.number[s] > 0:
            _end(s, least, known)


@kernel
def _thin(ordered: Floats, sample: Floats, held: Ints) -> None:
    """Of each row of ``ordered``, NaN last, as many as there is room for, its ends among them."""
    keep = sample.shape[1]
    for s in range(len(ordered)):
        count = np.sum(~np.isnan(ordered[s]))
        held[s] = min(count, keep)
        for i in range(held[s]):
            sample[s, i] = ordered[s, i if count <= keep else (i * (count - 1) + (keep - 1) // 2) // (keep - 1)]


@kernel
def _fill(values: Floats, again: Bools, least: int, sample: Floats, held: Ints, rank: Floats) -> None:
    """``rank [S, m]``; a sample is put in its place while there is room."""
    for s in range(len(values)):
        for j in range(values.shape[1]):
            value, count = values[s, j], held[s]
            if np.isnan(value):
                continue
            if count >= least:
                rank[s, j] = _rank(sample[s, :count], value)
            if again[s, j] or count == sample.shape[1]:
                continue
            at = np.searchsorted(sample[s, :count], value)
            for i in range(count, at, -1):
                sample[s, i] = sample[s, i - 1]
            sample[s, at] = value
            held[s] += 1
