"""How much thinner samples lie around a sample than around its neighbours, after datastream.io's LOFAnomalyDetector.

The local outlier factor is scikit-learn's, with ``novelty=True``, on the values alone. It is fitted to the newest
samples after each batch.

==============  ====  ==========================================================================
sample          S×w   what it is fitted to; ``held [S]`` of it are samples
recent          S×w   the newest samples, in a ring; ``seen [S]`` were ever put there
number          [S]   samples of the batch under way
==============  ====  ==========================================================================
"""

from __future__ import annotations

from concurrent.futures import Executor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from sentio.config.misfit import misfit
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.remembered import Remembered, digest
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

if TYPE_CHECKING:
    from sklearn.neighbors import LocalOutlierFactor

_ORDINARY, _ODD = 1.0, 1.5
"""The factor of a sample that is as its neighbours, and what scikit-learn's is compared with."""
_MOST = 1e6
"""Of a factor: beside equal samples it has no bound."""
_LARGEST = 1e150
"""Of a value: the square of its distance must be a number."""


class LOF(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As datastream.io has them."""

        n_neighbors: Annotated[int, Field(ge=1)] = 20
        """Neighbours that a sample is compared with."""
        window: Annotated[int, Field(ge=2, validate_default=True)] = 1000
        """Samples that are its neighbours."""
        batch: Annotated[int, Field(ge=2)] = 1000
        """Samples of a series that are learned from at a time."""

        @model_validator(mode="after")
        def _installed(self) -> LOF.Options:
            if find_spec("sklearn") is None:
                wrong = "needs the package scikit-learn, which is not installed"
                raise misfit(wrong, "pip install 'sentio[lof]' is expected")
            return self

        @field_validator("window")
        @classmethod
        def _more_than_neighbours(cls, window: int, info: ValidationInfo) -> int:
            neighbours = info.data.get("n_neighbors")
            if neighbours is not None and window <= neighbours:
                raise misfit(f"is {window}", f"more than n_neighbors ({neighbours}) is expected", relative=True)
            return window

    begins_at_once = False
    outputs = ("score", "factor")

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # a fit takes milliseconds
        self._options = options
        self.least = options.n_neighbors + 1
        self._fits: Remembered[LocalOutlierFactor] = Remembered()

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        counts = {name: np.zeros(series, np.int64) for name in ("held", "seen", "number")}
        return counts | {name: np.zeros((series, self._options.window)) for name in ("sample", "recent")}

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """The history is the first batch, however long it is."""
        for s, row in enumerate(values):
            self._keep(own, s, row[~np.isnan(row)])
            self._end(own, s)

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        self._fits.have_room(len(values))
        factor = np.full(values.shape, np.nan)
        for s in np.flatnonzero(~np.isnan(values).all(axis=1)).tolist():
            self._judge(own, s, values[s], again[s], factor[s])
        odd = factor > _ODD
        standard, anomaly = agreeing(np.maximum(factor - _ORDINARY, 0) / (_ODD - _ORDINARY), odd)
        return {SCORE: standard, ANOMALY: anomaly, "score": anomaly, "factor": factor}

    def _judge(self, own: Arrays, s: int, values: Floats, again: Bools, factor: Floats) -> None:
        """One series, up to the end of a batch at a time."""
        there = np.flatnonzero(~np.isnan(values))
        while len(there):
            fresh = ~again[there]
            until = max(self._options.batch, 0 if own["held"][s] else self.least)
            count = 1 + int(np.searchsorted(np.cumsum(fresh), until - own["number"][s]))
            part, fresh, there = there[:count], fresh[:count], there[count:]
            if own["held"][s]:
                factor[part] = self._factor(own["sample"][s, : own["held"][s]], values[part])
            self._keep(own, s, values[part[fresh]])
            if own["number"][s] >= until:
                self._end(own, s)

    def _keep(self, own: Arrays, s: int, samples: Floats) -> None:
        window = self._options.window
        at = own["seen"][s] + np.arange(len(samples))
        own["recent"][s, at[-window:] % window] = samples[-window:]
        own["seen"][s] += len(samples)
        own["number"][s] += len(samples)

    def _end(self, own: Arrays, s: int) -> None:
        """Fit to the newest samples from now on; a first batch of too few goes on."""
        count = min(int(own["seen"][s]), self._options.window)
        if count >= self.least:
            own["sample"][s, :count] = own["recent"][s, :count]
            own["held"][s], own["number"][s] = count, 0

    def _factor(self, sample: Floats, values: Floats) -> Floats:
        key = digest(sample)
        fit = self._fits.get(key)
        if fit is None:
            fit = self._fits.put(key, _fitted(sample, self._options.n_neighbors))
        factor: Floats = -fit.score_samples(_column(values))
        return np.minimum(factor, _MOST)


def _fitted(sample: Floats, neighbors: int) -> LocalOutlierFactor:
    from sklearn.neighbors import LocalOutlierFactor

    # A tree looks at each sample by itself; without one, what is scored together decides the last bits.
    return LocalOutlierFactor(n_neighbors=neighbors, algorithm="kd_tree", novelty=True).fit(_column(sample))


def _column(values: Floats) -> Floats:
    return np.clip(values, -_LARGEST, _LARGEST)[:, None]
