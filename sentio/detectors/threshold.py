"""Whether a sample is beyond a fixed limit, as Anomstack's threshold alerts have them. It learns nothing."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Self

import numpy as np
from pydantic import model_validator

from sentio.config.misfit import misfit, show
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_MOST = 1e6
"""Of the standard score."""


class Threshold(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As Anomstack has them; at least one."""

        upper: float | None = None
        """A sample above is anomalous."""
        lower: float | None = None
        """A sample below is anomalous."""

        @model_validator(mode="after")
        def _some(self) -> Self:
            if self.upper is None and self.lower is None:
                raise misfit("has neither upper nor lower", "at least one of them is expected")
            if self.upper is not None and self.lower is not None and self.lower >= self.upper:
                raise misfit(f"has lower {show(self.lower)}", f"less than upper ({show(self.upper)}) is expected")
            return self

    least = 1

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._upper = np.inf if options.upper is None else options.upper
        self._lower = -np.inf if options.lower is None else options.lower

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        return {}

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        flag = (values > self._upper) | (values < self._lower)
        standard, anomaly = agreeing(np.clip(self._far(values), 0.0, _MOST), flag)
        return {SCORE: standard, ANOMALY: anomaly}

    def _far(self, values: Floats) -> Floats:
        """1 at a limit. Of two limits: 0 in the middle. Of one: it changes by 1 over the limit's own size."""
        if np.isinf(self._upper) or np.isinf(self._lower):
            over, limit = (
                (self._lower - values, self._lower) if np.isinf(self._upper) else (values - self._upper, self._upper)
            )
            return np.asarray(1 + over / (abs(limit) or 1.0))
        middle, half = self._upper / 2 + self._lower / 2, self._upper / 2 - self._lower / 2
        return np.asarray(np.abs(values - middle) / half)
