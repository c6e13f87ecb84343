"""The series that are not awaited any more: once they are back their snooze goes on, and so does their flapping."""

from __future__ import annotations

import numpy as np

from sentio.alerting.machine import Alerting
from sentio.state import State, merged
from sentio.types import Keys, positions


def away(alerting: Alerting, before: State, state: State, keys: Keys, at: int) -> State:
    """Of the series of ``state``, and of ``before``, which this gave last, those that are not among ``keys`` at ``at``
    ns: what is to be known of them when they are back. Nothing where that is nothing."""
    parts = [part for part in (before, state) if part.keys and alerting.fits(part)]
    if not alerting.outlasting or not parts or (not before.keys and state.keys == keys):
        return State(())
    both = merged(parts)
    return alerting.left(both.select(np.flatnonzero(positions(both.keys, keys) < 0)), at)


def back(before: State, state: State, keys: Keys) -> State:
    """``state``, and of the series of ``before``, which `away` gave, those that are among ``keys``, where it has not
    got them."""
    if not before.keys:
        return state
    here = before.select(np.flatnonzero(positions(before.keys, keys) >= 0))
    return merged([here, state])
