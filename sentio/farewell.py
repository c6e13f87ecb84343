"""The last report of a pipeline that is no more: the ends of its alerts, which nothing else will tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentio.alerting import ends
from sentio.reports import Event, Report
from sentio.selection import of_alerts
from sentio.state import State
from sentio.types import Scores


def farewell(alias: str, alerts: State, now: int) -> Report | None:
    """For the sinks that heard of ``alerts`` of the pipeline ``alias``, at ``now`` ns; None where none of them
    stands."""
    last = [Event(one.key, one.level_from, one.level_to, one.since, one.at, one.cause) for one in ends(alerts, now)]
    if not last:
        return None
    nothing = Scores((), np.array([now]), np.empty((0, 1)), {})
    return replace(of_alerts(alias, now, last), scores=nothing, alerts=alerts.select(np.empty(0, np.int64)))
