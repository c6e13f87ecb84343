"""A report of alerts as arrays, and back: what waits for a receiver, as it outlives a restart.

No more is kept than messages are made of, and nothing of the receiver: neither its address nor what lets one in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from sentio.message import worst
from sentio.reports import AlertLevel, Event, Report
from sentio.selection import of_alerts
from sentio.state import State
from sentio.types import Array

_TEXTS = ("cause", "kind", "text")
_LEVELS = ("level_from", "level_to")
_WHOLE = ("since", "at", "step")
_NUMBERS = ("value", "yhat", "lower", "upper", "score")
_EVERY, _STANDING = "every", "standing"
_NO_PAST = np.empty((4, 0), np.float32)


def as_state(report: Report) -> State:
    """The events of ``report``, a row each. Of those that no message spells out, the last samples are left out."""
    drawn = set(map(id, worst(report.events)))
    events = [event if id(event) in drawn else replace(event, recent=_NO_PAST) for event in report.events]

    def column(name: str, kind: type) -> Array:
        return np.array([getattr(event, name) for event in events], kind)

    widths = [event.recent.shape[1] for event in events]
    recent = np.full((len(events), 4, max(widths, default=0)), np.nan, np.float32)
    for row, event in enumerate(events):
        recent[row, :, : widths[row]] = event.recent
    return State(
        tuple(event.key for event in events),
        {
            **{name: column(name, np.str_) for name in _TEXTS},
            **{name: column(name, np.int8) for name in _LEVELS},
            **{name: column(name, np.int64) for name in _WHOLE},
            **{name: column(name, np.float64) for name in _NUMBERS},
            # Of the report, and so the same for each event.
            _EVERY: np.full(len(events), report.every, np.int64),
            _STANDING: np.full(len(events), report.standing, np.int64),
            "recent": recent,
            "width": np.array(widths, np.int64),
        },
    )


def as_report(pipeline: str, at: int, state: State) -> Report:
    """What `as_state` was given, with its events and how many stood. Raises `KeyError` or `ValueError` where it is
    none."""
    report = of_alerts(pipeline, at, _events(state), every=_of_all(state, _EVERY))
    return replace(report, unlisted=_of_all(state, _STANDING))


def _of_all(state: State, name: str) -> int:
    """What all events have alike; 0 in what was written before there was that."""
    return int(state[name].max(initial=0)) if name in state.arrays else 0


def _events(state: State) -> Iterable[Event]:
    columns = {name: state[name].tolist() for name in (*_TEXTS, *_LEVELS, *_WHOLE, *_NUMBERS)}
    for row, (key, width) in enumerate(zip(state.keys, state["width"].tolist(), strict=True)):
        known: dict[str, Any] = {name: column[row] for name, column in columns.items()}
        known |= {name: AlertLevel(known[name]) for name in _LEVELS}
        yield Event(key, **known, recent=state["recent"][row, :, :width].astype(np.float32))
