"""The mean of the last samples, after Kapacitor's example of a UDF. It judges nothing.

============  ======  =================================================================================
past          [S, w]  the last samples: in their order until there are ``size``, a ring then; zeros behind them
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
from sentio.online import Arrays, Online
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints


class MovingAvg(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As the example has them."""

        size: Annotated[int, Field(ge=1, le=10_000)] = 10
        """Samples that the mean is of, the newest among them."""

    least = 1
    outputs = ("mean",)

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._size = options.size

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
        most = min(int((own["number"] + fresh.sum(axis=1)).max(initial=0)), self._size)
        own["past"] = np.pad(own["past"], ((0, 0), (0, max(0, most - own["past"].shape[1]))))
        mean, nothing = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        _means(values, fresh, self._size, own["past"], own["number"], own["head"], mean)
        return {SCORE: nothing, ANOMALY: nothing.copy(), "mean": mean}


@kernel
def _means(values: Floats, fresh: Bools, size: int, past: Floats, number: Ints, head: Ints, mean: Floats) -> None:
    for s in range(len(values)):
        for j in range(values.shape[1]):
            if not fresh[s, j]:
                continue
            if number[s] < size:
                past[s, number[s]] = values[s, j]
                number[s] += 1
            else:
                past[s, head[s]] = values[s, j]
                head[s] = (head[s] + 1) % size
            # Added up anew, so that a large value that has gone leaves no rounding behind.
            mean[s, j] = past[s, : number[s]].sum() / number[s]
