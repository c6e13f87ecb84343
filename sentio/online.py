"""What detectors have in common that learn from each sample as they judge it.

Such a detector is two functions on arrays whose first axis is the series: `blank`, what is known before the first
sample, and `step`, which judges samples in their order and changes the arrays. All else is here: which series are
known, which samples were learned from already, the arrays of every state, and that nothing infinite comes out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sentio.state import SeriesStatus, State
from sentio.types import ANOMALY, SCORE, Array, Bools, Floats, Ints, Panel, Scores, positions

Arrays = dict[str, Array]


class Online(ABC):
    """The base of a `sentio.contracts.Detector` that goes on learning.

    Its state is never old: a series is fitted once, and scoring does the rest. A sample that is not later than the
    newest that was learned from is judged where that can be done without it, and never learned from again.
    """

    learns_as_it_goes: ClassVar[bool] = True
    begins_at_once: bool = True
    """A new series needs no history: it is as well to begin with its first sample. False where the first batch is
    learned from as a whole, and nothing can be said before."""
    least: int = 2
    """Samples that make a series ready."""
    outputs: ClassVar[tuple[str, ...]] = ()
    """What it says beside the score and the flag, by name."""

    @abstractmethod
    def blank(self, series: int) -> Arrays:
        """The detector's own arrays of ``series`` of which nothing is known."""

    @abstractmethod
    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """Judge ``values [S, m]`` at ``times [m]`` in their order, and learn from them: ``own``, which may be changed,
        is left as it is to be kept.

        NaN is no sample. What is ``again [S, m]`` was learned from before. Gives `SCORE`, `ANOMALY` and ``outputs``,
        each ``[S, m]``, NaN where there is nothing to say. Any cut in time gives the same bits.
        """

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """Learn from the history ``values [S, n]``; as from fresh samples, where a detector says nothing else."""
        self.step(own, times, values, np.zeros(values.shape, bool))

    def fit(self, history: Panel) -> State:
        """`Detector.fit`: what is known after ``history``; of no samples at all, what is known before the first."""
        series = len(history.keys)
        own = self.blank(series)
        values = _samples(history)
        if series and len(history.times):
            with np.errstate(all="ignore"):
                self.begin(own, history.times, values)
        return State(history.keys, own | _general(history.times, values, self.least))

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """`Detector.score`."""
        at = positions(fresh.keys, state.keys) if state.keys else np.full(len(fresh.keys), -1)
        known = np.flatnonzero(at >= 0)
        outputs = {name: np.full(fresh.values.shape, np.nan) for name in (SCORE, ANOMALY, *self.outputs)}
        if len(known) and len(fresh.times):
            part, said = self._score(state.select(at[known]), fresh.rows(known))
            state = part if part.keys == state.keys else state.merge(part)
            for name, values in said.items():
                outputs[name][known] = np.where(np.isfinite(values), values, np.nan)
        return state, Scores(fresh.keys, fresh.times, fresh.values, outputs)

    def _score(self, known: State, fresh: Panel) -> tuple[State, dict[str, Floats]]:
        values = _samples(fresh)
        again = (fresh.times <= known["fitted_at"][:, None]) & (known["samples"] > 0)[:, None]
        general = set(_general(fresh.times, values, self.least))
        own = {name: array.copy() for name, array in known.arrays.items() if name not in general}
        with np.errstate(all="ignore"):
            said = self.step(own, fresh.times, values, again)
        later = _general(fresh.times, np.where(again, np.nan, values), self.least)
        return State(known.keys, own | _together(known.arrays, later, self.least)), said


def _samples(panel: Panel) -> Floats:
    values = np.ascontiguousarray(panel.values, np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _general(times: Ints, values: Floats, least: int) -> Arrays:
    """The arrays of every state."""
    there = np.isfinite(values)
    count = there.sum(axis=1)
    first, last = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    if len(times):
        some = count > 0
        first[some] = times[there.argmax(axis=1)[some]]
        last[some] = times[-1 - there[:, ::-1].argmax(axis=1)[some]]
    return {
        "status": _status(count, least),
        "first_at": first,
        "fitted_at": last,
        "samples": count.astype(np.int64),
        "detail": np.full(len(values), "", "U1"),
    }


def _together(old: Mapping[str, Array], later: Arrays, least: int) -> Arrays:
    """The arrays of every state after further samples."""
    samples = old["samples"] + later["samples"]
    return {
        "status": _status(samples, least),
        "first_at": np.where(old["samples"] > 0, old["first_at"], later["first_at"]),
        "fitted_at": np.where(later["samples"] > 0, later["fitted_at"], old["fitted_at"]),
        "samples": samples,
        "detail": old["detail"],
    }


def _status(samples: Ints, least: int) -> Array:
    return np.where(samples >= least, SeriesStatus.READY, SeriesStatus.LEARNING).astype(np.int8)


def agreeing(score: Floats, flag: Bools) -> tuple[Floats, Floats]:
    """``score`` and ``flag`` as they are published: above 1 exactly where it is flagged, whatever rounding did."""
    shown = np.where(flag, np.maximum(score, np.nextafter(1.0, 2.0)), np.minimum(score, 1.0))
    return shown, np.where(np.isnan(score), np.nan, flag.astype(np.float64))
