"""Whether a sample is an outlier of a window of time, by Tukey's fences, after Kapacitor's example of a UDF.

=====================  ===  ===============================================================
first, third           [S]  the quartiles of the last window that has ended, NaN before one
=====================  ===  ===============================================================

What `sentio.timewindow` keeps stands beside them.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Annotated

import numpy as np
from pydantic import Field

from sentio import timewindow
from sentio.compiled import kernel
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.timewindow import TimeWindow, Windows
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_MOST = 1e6
"""Of the standard score, where the quartiles are the same."""
_LEAST = 4
"""Samples that have quartiles; a window of fewer says nothing."""


class Tukey(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As the example has them."""

        scale: Annotated[float, Field(ge=1)] = 1.5
        """How many interquartile ranges below the first and above the third quartile a sample is an outlier."""
        window: TimeWindow = TimeWindow()
        """Whose quartiles samples are judged by, until the next one has ended."""

    outputs = ("lower", "upper")

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        return {name: np.full(series, np.nan) for name in ("first", "third")} | timewindow.blank(series)

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        windows = timewindow.follow(own, self._options.window, times, values, again)
        first, third = quartiles = np.full((2, *values.shape), np.nan)
        _quartiles_at(values, windows, own["first"], own["third"], quartiles)
        reach = self._options.scale * (third - first)
        beyond = np.maximum(np.maximum(first - values, values - third), 0.0)
        # Within the quartiles it is 0 even where they are the same.
        far = np.where(beyond > 0, beyond / reach, beyond)
        standard, anomaly = agreeing(np.minimum(far, _MOST), beyond > reach)
        return {SCORE: standard, ANOMALY: anomaly, "lower": first - reach, "upper": third + reach}


@kernel
def _quartiles_at(values: Floats, windows: Windows, first: Floats, third: Floats, out: Floats) -> None:
    """``out [2, S, m]``: the quartiles that each sample is judged by."""
    for s in range(len(values)):
        for j in range(values.shape[1]):
            if np.isnan(values[s, j]):
                continue
            low, high = windows.first[s, j], windows.end[s, j]
            if high - low >= _LEAST:
                ordered = np.sort(windows.line[s, low:high])
                first[s], third[s] = _quantile(ordered, 0.25), _quantile(ordered, 0.75)
            out[0, s, j], out[1, s, j] = first[s], third[s]


@kernel
def _quantile(ordered: Floats, share: float) -> float:
    """With a straight line between two values, the seventh definition of Hyndman and Fan (1996)."""
    at = share * (len(ordered) - 1)
    below = int(at)
    low: float = ordered[below]
    high: float = ordered[min(below + 1, len(ordered) - 1)]
    return low + (at - below) * (high - low)
