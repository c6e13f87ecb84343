"""How far a sample is from the median of those before it, in median absolute deviations, as Anomstack's change job
asks PyOD's MAD.

============  ======  =================================================================================
past          [S, w]  the last samples: in their order until there are ``window``, a ring then; zeros behind them
number, head  [S]     how many they are, and which of a full ring is the oldest
============  ======  =================================================================================
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Annotated

import numpy as np
from pydantic import Field

from sentio.compiled import kernel
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_NORMAL = 0.6745
"""The median absolute deviation of a normal distribution, in standard deviations, as PyOD rounds it."""
_MOST = 1e6
"""Of the score, where the deviation is 0."""
_LEAST = 10
"""Samples before the first one that is judged."""


class Mad(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As Anomstack's change job has them."""

        threshold: Annotated[float, Field(gt=0)] = 3.5
        """A sample is anomalous whose ``score`` is more."""
        window: Annotated[int, Field(ge=10, le=10_000)] = 250
        """Samples before it that it is compared with."""

    least = _LEAST
    outputs = ("score",)

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        return {
            "past": np.zeros((series, 0)),
            "number": np.zeros(series, np.int64),
            "head": np.zeros(series, np.int64),
        }

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        fresh = np.isfinite(values) & ~again
        most = min(int((own["number"] + fresh.sum(axis=1)).max(initial=0)), self._options.window)
        past, number = own["past"], own["number"]
        own["past"] = past = np.pad(past, ((0, 0), (0, max(0, most - past.shape[1]))))
        ordered = np.sort(np.where(np.arange(past.shape[1]) < number[:, None], past, np.inf), axis=1)
        score = np.full(values.shape, np.nan)
        _judge(values, fresh, self._options.window, past, number, own["head"], ordered, score)
        standard, anomaly = agreeing(
            np.minimum(score / self._options.threshold, _MOST), score > self._options.threshold
        )
        return {SCORE: standard, ANOMALY: anomaly, "score": score}


@kernel
def _judge(
    values: Floats, fresh: Bools, window: int, past: Floats, number: Ints, head: Ints, ordered: Floats, score: Floats
) -> None:
    """``ordered [S, w]``: what is in ``past``, ascending, so that a sample costs no sorting."""
    for s in range(len(values)):
        for j in range(values.shape[1]):
            value = values[s, j]
            if np.isnan(value):
                continue
            if number[s] >= _LEAST:
                score[s, j] = _robust(ordered[s], number[s], value)
            if not fresh[s, j]:
                continue
            if number[s] < window:
                past[s, number[s]] = value
                _put(ordered[s], number[s], value)
                number[s] += 1
            else:
                _take(ordered[s], window, past[s, head[s]])
                _put(ordered[s], window - 1, value)
                past[s, head[s]] = value
                head[s] = (head[s] + 1) % window


@kernel
def _robust(ordered: Floats, number: int, value: float) -> float:
    """The robust z-score, without its sign (Iglewicz and Hoaglin 1993); 0 at the median, whatever the deviation."""
    half = number // 2
    median = ordered[half] if number % 2 else ordered[half - 1] / 2 + ordered[half] / 2
    off = abs(value - median)
    return min(_NORMAL * off / _deviation(ordered, number, median), _MOST) if off > 0 else 0.0


@kernel
def _deviation(ordered: Floats, number: int, median: float) -> float:
    """The median of the distances from ``median``: they grow to both sides of it, so the smaller half of them is
    counted off from there."""
    half = number // 2
    low, high = half - 1, half
    before, last = 0.0, 0.0
    for _ in range(half + 1):
        before = last
        if high >= number or (low >= 0 and median - ordered[low] <= ordered[high] - median):
            last = median - ordered[low]
            low -= 1
        else:
            last = ordered[high] - median
            high += 1
    return last if number % 2 else before / 2 + last / 2


@kernel
def _put(ordered: Floats, number: int, value: float) -> None:
    """``value`` among the first ``number`` of ``ordered``."""
    at = number
    while at > 0 and ordered[at - 1] > value:
        ordered[at] = ordered[at - 1]
        at -= 1
    ordered[at] = value


@kernel
def _take(ordered: Floats, number: int, value: float) -> None:
    """``value`` from among the first ``number`` of ``ordered``."""
    for i in range(np.searchsorted(ordered[:number], value), number - 1):
        ordered[i] = ordered[i + 1]
