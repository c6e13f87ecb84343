"""What a step of the alerts has found, and the events that are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentio.alerting.watch import Samples
from sentio.reports import AlertLevel, Event
from sentio.types import LOWER, SCORE, SECOND, UPPER, YHAT, Failure, Ints, Keys, Scores, SeriesKey, positions

Recents = tuple[Keys, npt.NDArray[np.float32]]
"""Series, and ``[4, S, n]`` of them: the last samples, yhat, lower, upper, as `sentio.recent.Recent` keeps them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One series has changed its level, at ``row`` and ``column`` of the scores; both are -1 where it is not among
    them any more. ``since`` ns: when its alert began. ``at`` ns."""

    key: SeriesKey
    row: int
    column: int
    level_from: AlertLevel
    level_to: AlertLevel
    since: int
    at: int
    cause: str


Say = Callable[[Change], str]
"""Something about the sample that a change is of."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """``level [S]`` after the last sample; ``since [S]`` ns: when the alert began, 0 where there is none.

    ``changed``: those that are gone first, then in the order of time. ``firing``: the rows above `AlertLevel.OK`,
    ``causes`` why each of them is.
    """

    level: npt.NDArray[np.int8]
    since: Ints
    changed: tuple[Change, ...]
    firing: Ints
    causes: tuple[str, ...]
    failures: tuple[Failure, ...]


def events(
    outcome: Outcome,
    scores: Scores,
    *,
    recent: Recents | None = None,
    step: int = SECOND,
    kind: Say | None = None,
    text: Say | None = None,
) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """`Report.events` and `Report.firing` of an ``outcome``, with the numbers of the ``scores`` that it is of.

    ``recent``: with the columns of ``scores`` as its newest, one every ``step`` ns. ``kind`` and ``text`` are asked
    for each event but those of series that are gone.
    """
    maker = _Maker(scores, recent, step, kind, text)
    newest = Samples(scores).newest()
    firing = []
    for row, cause in zip(outcome.firing.tolist(), outcome.causes, strict=True):
        level, column = AlertLevel(int(outcome.level[row])), int(newest[row])
        at, since = int(scores.times[column]), int(outcome.since[row])
        firing.append(maker.event(Change(scores.keys[row], row, column, level, level, since, at, cause)))
    return tuple(map(maker.event, outcome.changed)), tuple(firing)


class _Maker:
    def __init__(self, scores: Scores, recent: Recents | None, step: int, kind: Say | None, text: Say | None) -> None:
        self._scores, self._step, self._kind, self._text = scores, step, kind, text
        keys, self._kept = recent or ((), np.empty((4, 0, 0), np.float32))
        self._places = positions(scores.keys, keys)

    def event(self, change: Change) -> Event:
        row, column = change.row, change.column
        named = (change.key, change.level_from, change.level_to, change.since, change.at, change.cause)
        if row < 0:
            return Event(*named, step=self._step)
        return Event(
            *named,
            value=float(self._scores.values[row, column]),
            yhat=self._output(YHAT, row, column),
            lower=self._output(LOWER, row, column),
            upper=self._output(UPPER, row, column),
            score=self._output(SCORE, row, column),
            kind=self._kind(change) if self._kind else "",
            text=self._text(change) if self._text else "",
            recent=self._recent(row, column),
            step=self._step,
        )

    def _output(self, name: str, row: int, column: int) -> float:
        output = self._scores.outputs.get(name)
        return np.nan if output is None else float(output[row, column])

    def _recent(self, row: int, column: int) -> npt.NDArray[np.float32]:
        place = self._places[row]
        if place < 0:
            return np.empty((4, 0), np.float32)
        end = self._kept.shape[2] - (len(self._scores.times) - 1 - column)
        # A copy: an event may outlive the samples of all the other series.
        return self._kept[:, place, : max(0, end)].copy()
