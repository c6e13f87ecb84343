"""The verbs: what an adapter is. One method each, two for what learns."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sentio.reports import Report
from sentio.state import State
from sentio.types import Forecast, Ints, Panel, Scores, Window


@runtime_checkable
class Source(Protocol):
    """Where samples come from."""

    def read(self, query: str, window: Window) -> Panel:
        """The series that ``query`` gives, on exactly the times of ``window``. Raises `SourceError`."""
        ...


@runtime_checkable
class Detector(Protocol):
    """What learns and judges. Both methods are pure: no clock, no network, no memory of their own."""

    def fit(self, history: Panel) -> State:
        """Learn each series of ``history``. A series that cannot be learned gets a status, never an exception. A
        detector that learns as it scores says so with ``learns_as_it_goes`` (`sentio.online`): it is fitted once. One
        that needs the samples as near to one another as those that it judges says ``learns_from_every_step``, and
        one that learns from what was anomalous, too, ``learns_from_anomalies``."""
        ...

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """Judge every sample of ``fresh``; NaN for a series that ``state`` does not know."""
        ...


@runtime_checkable
class Forecaster(Detector, Protocol):
    """A detector that also knows what comes next."""

    def forecast(self, state: State, times: Ints) -> Forecast:
        """The expected values and their bands at ``times`` for every series of ``state``."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Where reports go."""

    def emit(self, report: Report) -> None:
        """Deliver one report. Raises `SinkError`."""
        ...
