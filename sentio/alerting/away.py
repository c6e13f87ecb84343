"""The series that are not awaited any more: once they are back their snooze goes on, and so does their flapping."""

from __future__ import annotations

import numpy as np

from sentio.alerting.machine import Alerting
from sentio.state import State, merged
from sentio.types import Keys, positions


def away(alerting: Alerting, before: State, state: State, keys: Keys, at: int) -> State:
    """Of the series of ``state``, and of ``before``, which this gave last, those that are not among ``keys`` at ``at``
    ns: what is to be known of them when they are back. Nothing where that is nothing."""
    if not alerting.outlasting:
        return State(())
    # All of ``state`` is selected from, and copied, only where a series has come or gone.
    parts = [before] if state.keys == keys else [_among(part, keys, False) for part in (before, state)]
    parts = [part for part in parts if part.keys and alerting.fits(part)]
    return alerting.left(merged(parts), at) if parts else State(())


def back(before: State, state: State, keys: Keys) -> State:
    """``state``, and of the series of ``before``, which `away` gave with it, those that are among ``keys``."""
    if not before.keys or state.keys == keys:
        return state
    here = _among(before, keys, True)
    return merged([here, state]) if here.keys else state


def _among(state: State, keys: Keys, there: bool) -> State:
    """The series of ``state`` that are among ``keys``, or those that are not."""
    return state.select(np.flatnonzero((positions(state.keys, keys) >= 0) == there))
