"""A report that says it is a test, for `sentio notify`."""

from __future__ import annotations

import numpy as np

from sentio.reports import AlertLevel, Event, Report
from sentio.selection import of_alerts
from sentio.types import SECOND, SeriesKey

_STEP = 15 * SECOND
_KEY = SeriesKey("sentio_test", (("instance", "test"),))
_TEXT = "This is a test of Sentio's alerts; nothing is the matter."


def sample_report(now: int) -> Report:
    """One alert of level warning, at ``now`` ns: a wave of an hour's quarter that leaves its band at the end."""
    wave = 20 + 2 * np.sin(np.arange(60) / 5)
    recent = np.array([wave, wave, wave - 3, wave + 3], np.float32)
    recent[0, -3:] += 8
    value, yhat, lower, upper = recent[:, -1].tolist()
    event = Event(
        _KEY, AlertLevel.OK, AlertLevel.WARNING, now, now, "sentio notify",
        value, yhat, lower, upper, (value - yhat) / (upper - yhat), "test", _TEXT, recent, _STEP,
    )  # fmt: skip
    return of_alerts("test", now, [event], [event])
