"""The last report of a pipeline that is no more: the ends of its alerts, which nothing else will tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentio.pipeline import Line
from sentio.selection import of_alerts
from sentio.types import Event, Report, Scores, State


def farewell(line: Line, alerts: State, now: int) -> Report | None:
    """For the sinks that heard of ``alerts``, at ``now`` ns; None where none of them stands."""
    ends = [
        Event(one.key, one.level_from, one.level_to, one.since, one.at, one.cause, step=line.step)
        for one in line.alerting.ends(alerts, now)
    ]
    if not ends:
        return None
    nothing = Scores((), np.array([now]), np.empty((0, 1)), {})
    return replace(of_alerts(line.alias, now, ends), scores=nothing, alerts=line.alerting.blank(()))
