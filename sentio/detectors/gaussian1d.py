"""How many standard deviations a sample is from the mean, after datastream.io's Gaussian1D.

The first batch gives mean and standard deviation. Each further one moves the mean by its share of the effective sample
size, which forgets by a factor, and brings a standard deviation of its own.

=======================  ===  =========================================================================
mean, std, size          [S]  units, units, the effective sample size
number, center, squares  [S]  of the batch under way: its samples, their mean, and the sum of the squares
                              of their distances from it
=======================  ===  =========================================================================
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from statistics import NormalDist
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sentio.compiled import kernel
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_MOST = 1e6
"""Of the standard score, where the history was constant."""
_LARGEST = 1e130
"""A larger sample has no square that could be counted with: it is judged, and not learned from."""


class _Known(NamedTuple):
    mean: Floats
    std: Floats
    size: Floats
    number: Floats
    center: Floats
    squares: Floats


class Gaussian1D(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As datastream.io has them."""

        threshold: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
        """A sample is anomalous whose ``score``, the share of a normal distribution below its distance, is more."""
        forget: Annotated[float, Field(gt=0, le=1)] = 1.0
        """The part of the effective sample size that each batch leaves; 1 forgets nothing."""
        batch: Annotated[int, Field(ge=2)] = 1000
        """Samples of a series that are learned from at a time."""

    begins_at_once = False
    outputs = ("score", "distance")

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options
        self._far = NormalDist().inv_cdf(options.threshold)

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        return {name: np.zeros(series) for name in _Known._fields}

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """The history is the first batch, however long it is."""
        known = _Known(*(own[name] for name in _Known._fields))
        nothing = np.empty((3, *values.shape))
        _judge(values, np.zeros(values.shape, bool), np.inf, self._options.forget, known, nothing)
        _end_all(self._options.forget, known)

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        known = _Known(*(own[name] for name in _Known._fields))
        out = np.full((3, *values.shape), np.nan)
        _judge(values, again, float(self._options.batch), self._options.forget, known, out)
        score, distance, far = out
        # As published: also the other side of the score, which a distance never reaches.
        flag = (score > self._options.threshold) | (score < 1 - self._options.threshold)
        standard, anomaly = agreeing(np.minimum(far / self._far, _MOST), flag)
        return {SCORE: standard, ANOMALY: anomaly, "score": score, "distance": distance}


@kernel
def _judge(values: Floats, again: Bools, batch: float, forget: float, known: _Known, out: Floats) -> None:
    """``out [3, S, m]``: score, distance in units, and in standard deviations."""
    for s in range(len(values)):
        for j in range(values.shape[1]):
            value = values[s, j]
            if np.isnan(value):
                continue
            if known.size[s] > 0:
                distance = abs(value - known.mean[s])
                far = distance / known.std[s] if known.std[s] > 0 or distance > 0 else 0.0
                out[0, s, j] = 0.5 * math.erfc(-far / math.sqrt(2.0))
                out[1, s, j] = distance
                out[2, s, j] = far
            if again[s, j] or not abs(value) <= _LARGEST:
                continue
            # Welford's, so that large values lose no digits.
            known.number[s] += 1
            off = value - known.center[s]
            known.center[s] += off / known.number[s]
            known.squares[s] += off * (value - known.center[s])
            if known.number[s] >= batch:
                _end(s, forget, known)


@kernel
def _end(s: int, forget: float, known: _Known) -> None:
    """Learn from the batch under way; a first one of a single sample says nothing of a deviation, and goes on."""
    count = known.number[s]
    if known.size[s] == 0:
        if count < 2:
            return
        known.mean[s] = known.center[s]
        known.std[s] = np.sqrt(known.squares[s] / (count - 1))
        known.size[s] = count
    else:
        known.size[s] = known.size[s] * forget + count
        known.mean[s] += count / known.size[s] * (known.center[s] - known.mean[s])
        known.std[s] = np.sqrt(known.squares[s] / count)
    known.number[s], known.center[s], known.squares[s] = 0.0, 0.0, 0.0


@kernel
def _end_all(forget: float, known: _Known) -> None:
    for s in range(len(known.number)):
        if known.number[s] > 0:
            _end(s, forget, known)
