"""What of a report a sink of alerts is told: levels from one up, and no more than alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from sentio.reports import AlertLevel, Event, Report
from sentio.types import Forecast, Scores

_NO_TIMES = np.empty(0, np.int64)
_NO_VALUES = np.empty((0, 0))
_NO_SCORES = Scores((), _NO_TIMES, _NO_VALUES, {})
_NO_FORECAST = Forecast((), _NO_TIMES, _NO_VALUES, _NO_VALUES, _NO_VALUES, 0)
_NO_STATUS = np.empty(0, np.int8)


def of_alerts(
    pipeline: str, at: int, events: Iterable[Event] = (), firing: Iterable[Event] = (), *, every: int = 0
) -> Report:
    """A report that holds alerts alone."""
    return Report(pipeline, at, _NO_SCORES, _NO_FORECAST, _NO_STATUS, tuple(events), tuple(firing), every=every)


@dataclass(frozen=True, slots=True)
class Selection:
    """Levels below ``least`` count as none; the end of an alert is told where ``resolved``."""

    least: AlertLevel = AlertLevel.INFO
    resolved: bool = True

    def __call__(self, report: Report) -> Report:
        """``report`` with these alerts, and without scores: what waits for a receiver is kept small."""
        firing = (event for event in report.firing if event.level_to >= self.least)
        return of_alerts(report.pipeline, report.at, self._changes(report.events), firing, every=report.every)

    def _changes(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            before, after = self._seen(event.level_from), self._seen(event.level_to)
            if before != after and (after or self.resolved):
                same = (before, after) == (event.level_from, event.level_to)
                yield event if same else replace(event, level_from=before, level_to=after)

    def _seen(self, level: AlertLevel) -> AlertLevel:
        return level if level >= self.least else AlertLevel.OK
