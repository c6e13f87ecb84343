"""What a score tick found: alert levels, their changes, and the report that every sink sees."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sentio.state import State
from sentio.types import SECOND, Failure, Floats, Forecast, Ints, Scores, SeriesKey


class AlertLevel(enum.IntEnum):
    """How bad it is, as `sentio_alert_level` has it."""

    OK = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One series at an alert level: that it has changed (in `Report.events`), or that it stands (in `Report.firing`).

    ``since`` ns: when the alert began, which is when the series left `AlertLevel.OK`; on the event that ends it, too,
    so that both are of one alert. ``at`` ns: the time of the sample that decided it. ``cause``: the condition that
    holds now, or that did not any more. Numbers are NaN where there is none.
    """

    key: SeriesKey
    level_from: AlertLevel
    level_to: AlertLevel
    since: int
    at: int
    cause: str
    value: float = np.nan
    yhat: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    score: float = np.nan
    kind: str = ""
    """The type of the anomaly, such as ``spike``; empty where it has none."""
    text: str = ""
    """One sentence about it, for people."""
    recent: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty((4, 0), np.float32))
    """``[4, n]``: the last samples, their yhat, lower and upper edges; NaN where there was none. Newest last, the
    newest of them at ``at``, one every ``step`` ns."""
    step: int = SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What one score tick found; every sink sees the same one.

    ``status [S]`` is `SeriesStatus` for ``scores.keys``; ``forecast.keys`` are the same keys. ``events`` are the alert
    levels that have changed with this tick, ``firing`` all series that are above `AlertLevel.OK` after it.
    """

    pipeline: str
    at: int
    scores: Scores
    forecast: Forecast
    status: npt.NDArray[np.int8]
    events: tuple[Event, ...] = ()
    firing: tuple[Event, ...] = ()
    failures: tuple[Failure, ...] = ()
    levels: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    """``[S]`` `AlertLevel`; empty where nobody watches."""
    kinds: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    """``[S]`` the type of the incident that is open, 0 for none; empty where nobody looks for incidents."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """By row, one sentence about the incident that is open."""
    onsets: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """``[S]`` ns: when that incident really began, 0 where none is open; empty as ``kinds``."""
    durations: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """``[S]`` ns: how long it has lasted, up to its newest anomalous sample; 0 and empty as ``onsets``."""
    sizes: Floats = field(default_factory=lambda: np.empty((2, 0)))
    """``[2, S]``: how far it is off, signed, in units and in % of what was expected; NaN where that is not known or no
    incident is open; without a series as ``kinds``."""
    alerts: State = field(default_factory=lambda: State(()))
    """What is remembered after it of the series that have an alert or had one, also of those that are away; empty where
    nothing has changed."""
    every: int = 0
    """ns between two score ticks of its pipeline: the next report is no further away. 0 where none is to come."""
    unlisted: int = 0
    """How many more are above `AlertLevel.OK` than ``firing`` has: all of them where the report waits."""

    @property
    def standing(self) -> int:
        """How many series are above `AlertLevel.OK` after it."""
        return len(self.firing) + self.unlisted
