"""Keeps what a replay gives: every output of every sample, the first time that it is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sentio.contracts import Detector, Forecaster
from sentio.reports import Event, Report
from sentio.state import State
from sentio.types import Floats, Forecast, Ints, Keys, Panel, Scores, positions


class Outputs:
    """Outputs by name, each ``[S, m]`` for ``keys [S]`` at ``times [m]`` on a grid; NaN where nothing was said."""

    def __init__(self, keys: Keys, times: Ints, step: int) -> None:
        self.by_name: dict[str, Floats] = {}
        self._keys, self._step = keys, step
        self._first, self._columns = int(times[0]), len(times)
        self._newest = -1

    def add(self, scores: Scores) -> None:
        """What is said of times that are later than all before.

        A sample is judged once; what is said of it again later is said by a model that has learned from it.
        """
        columns = (scores.times - self._first) // self._step
        new = np.flatnonzero((columns > self._newest) & (columns < self._columns))
        if not len(new):
            return
        self._newest = int(columns[new].max())
        rows = positions(scores.keys, self._keys)
        known = np.flatnonzero(rows >= 0)
        for name, values in scores.outputs.items():
            if name not in self.by_name:
                self.by_name[name] = np.full((len(self._keys), self._columns), np.nan)
            self.by_name[name][np.ix_(rows[known], columns[new])] = values[np.ix_(known, new)]


class Recorder:
    """A `sentio.contracts.Sink` that keeps ``outputs`` and ``events``."""

    def __init__(self, outputs: Outputs, heard: Callable[[Event], None]) -> None:
        self.outputs, self._heard = outputs, heard
        self.events: list[Event] = []

    def emit(self, report: Report) -> None:
        """Keep what ``report`` says of samples that none before was about, and its events, of which ``heard`` is
        told."""
        self.events += report.events
        self.outputs.add(report.scores)
        for event in report.events:
            self._heard(event)


class Overheard:
    """A `sentio.contracts.Detector` that keeps what the one it wraps says of itself.

    What is published may be made of more than the detector's own band; so the two can be compared.
    """

    def __init__(self, detector: Detector, outputs: Outputs) -> None:
        self._detector, self._outputs = detector, outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def fit(self, history: Panel) -> State:
        """`Detector.fit`."""
        return self._detector.fit(history)

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """`Detector.score`."""
        state, scores = self._detector.score(state, fresh)
        self._outputs.add(scores)
        return state, scores


class OverheardForecaster(Overheard):
    """The same of a `sentio.contracts.Forecaster`."""

    def forecast(self, state: State, times: Ints) -> Forecast:
        """`Forecaster.forecast`."""
        forecast: Forecast = self._detector.forecast(state, times)  # type: ignore[attr-defined] # `overheard` has looked
        return forecast


def overheard(detector: Detector, outputs: Outputs) -> Detector:
    """``detector``, and what it says of itself in ``outputs``."""
    return OverheardForecaster(detector, outputs) if isinstance(detector, Forecaster) else Overheard(detector, outputs)


def output(outputs: Mapping[str, Floats], name: str, shape: tuple[int, ...]) -> Floats:
    """The output ``name``; NaN of ``shape`` where there is none of that name."""
    return outputs[name] if name in outputs else np.full(shape, np.nan)
