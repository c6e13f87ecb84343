"""The two ticks, as functions of what is given: ``now`` is a parameter, nothing is remembered here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sentio.contracts import Forecaster, Source
from sentio.errors import SourceError
from sentio.history import History
from sentio.types import (
    Failure,
    Floats,
    Forecast,
    Keys,
    Panel,
    Report,
    SeriesStatus,
    State,
    Window,
    positions,
)

_POINTS_AT_ONCE, _SAMPLES_AT_ONCE = 500, 1_000_000
"""The history is read so many points at a time, and of many series fewer: what is read is held twice for a moment."""
_SERIES_AT_ONCE = 64
"""A train tick publishes what it has fitted after so many series, or as many as the detector does well with."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one pipeline is made of. ``horizons`` in nanoseconds."""

    alias: str
    source: Source
    detector: Forecaster
    query: str
    horizons: tuple[int, ...]


def learn(line: Line, history: History, now: int, going: Callable[[], bool]) -> None:
    """Read what ``history`` lacks up to ``now``, while ``going``. A partial answer is left out, and so is read again
    at the next tick. Raises `SourceError`."""
    for again in (True, False):
        # A part at a time: each has the source's whole deadline, and what was read stays read when a later one fails.
        for part in (p for window in history.missing(now) for p in _parts(window, history)):
            if not going():
                return
            panel = line.source.read(line.query, part)
            if not panel.notes.partial:
                history.add(panel)
        if not (history.settle(now) and again):
            break


def _parts(window: Window, history: History) -> Iterator[Window]:
    """Consecutive parts of ``window``, as long as the series that are known by then allow."""
    while len(window):
        points = min(_POINTS_AT_ONCE, _SAMPLES_AT_ONCE // max(1, len(history.keys)))
        part = next(iter(window.split(max(1, points))))
        yield part
        window = Window(part.end + window.step, window.end, window.step)


def train(line: Line, history: History, due: Keys, now: int) -> Iterator[State]:
    """Fit the series ``due``, some at a time, so that a long training serves its first results early."""
    samples = getattr(line.detector, "samples_at_once", 0)
    first = 0
    while first < len(due):
        count = max(_SERIES_AT_ONCE, samples // max(1, history.columns))
        yield line.detector.fit(history.panel(due[first : first + count], now))
        first += count


def read_fresh(line: Line, window: Window) -> tuple[Panel, Failure | None]:
    """The samples of ``window``; none, and why, where the source fails."""
    try:
        return line.source.read(line.query, window), None
    except SourceError as error:
        last = np.array([window.end], np.int64)
        return Panel.empty(last), Failure(line.query, error.reason, str(error))


def score(line: Line, state: State, fresh: Panel, keys: Keys, now: int) -> tuple[State, Report]:
    """Judge ``fresh`` for ``keys``: those that arrived, and those that are awaited still."""
    state, scores = line.detector.score(state, fresh.onto(keys))
    ahead = line.detector.forecast(state, now + np.array(line.horizons, np.int64))
    report = Report(line.alias, now, scores, _onto(ahead, keys), _status(state, keys), failures=fresh.notes.failures)
    return state, report


def _onto(ahead: Forecast, keys: Keys) -> Forecast:
    at = positions(keys, ahead.keys)

    def spread(values: Floats) -> Floats:
        out = np.full((len(keys), len(ahead.times)), np.nan)
        out[at >= 0] = values[at[at >= 0]]
        return out

    return Forecast(keys, ahead.times, spread(ahead.yhat), spread(ahead.lower), spread(ahead.upper), ahead.made_at)


def _status(state: State, keys: Keys) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    status = np.full(len(keys), SeriesStatus.LEARNING, np.int8)
    if state.keys:
        at = positions(keys, state.keys)
        status[at >= 0] = state["status"][at[at >= 0]]
    return status
