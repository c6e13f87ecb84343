"""Alerts to send, and what they are sent to."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sentio.reports import AlertLevel, Event, Report
from sentio.selection import of_alerts
from sentio.types import SECOND, SeriesKey

OK, INFO, WARNING, CRITICAL = AlertLevel
ODD = SeriesKey("load", (("a-b", 'quoted "x" \\'), ("severity", "line\nbreak"), ("z", "grüße 🎉 \ud800 <b>&`$_")))
"""Whatever a source may send."""


def now() -> int:
    return time.time_ns()


def key(i: object = 0) -> SeriesKey:
    return SeriesKey("load", (("i", str(i)),))


def recent(n: int = 40) -> np.ndarray:
    wave = 20 + np.sin(np.arange(n) / 4)
    values = np.array([wave, wave, wave - 3, wave + 3], np.float32)
    values[0, -2:] += 9
    values[0, 3:5] = np.nan
    return values


def event(
    before: AlertLevel = OK,
    after: AlertLevel = CRITICAL,
    *,
    of: SeriesKey | None = None,
    at: int | None = None,
    since: int | None = None,
    **more: Any,
) -> Event:
    at = now() if at is None else at
    numbers = {
        "cause": "score > 1 for 3 of 5",
        "value": 29.0,
        "yhat": 20.0,
        "lower": 17.0,
        "upper": 23.0,
        "score": 3.0,
        "recent": recent(),
        **more,
    }
    since = at - 60 * SECOND if since is None else since
    return Event(of or key(), before, after, since, at, step=15 * SECOND, **numbers)


def report(
    *events: Event, firing: tuple[Event, ...] = (), at: int | None = None, pipeline: str = "cpu", every: int = 0
) -> Report:
    return of_alerts(pipeline, now() if at is None else at, events, firing, every=every)
