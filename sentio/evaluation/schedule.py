"""When a replay trains, and how many steps it may score at once without a difference in any score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sentio.due import GROWTH
from sentio.timing import Timing
from sentio.types import Bools, Ints


def trainings(arrived: Bools, times: Ints, start: int, timing: Timing) -> Ints:
    """``[k]``: the times (ns, increasing, multiples of ``timing.step``) at which a service would train.

    ``arrived [S, m]``: which series have a sample at ``times [m]``. ``start``: the column that is scored first; what
    lies before is trained on at its eve.
    """
    eve = int(times[start]) - timing.step if start else int(times[0])
    found: set[int] = set()
    for row in arrived:
        found.update(_of_one(times[row], eve, int(times[-1]), timing))
    return np.array(sorted(found), np.int64)


def _of_one(arrivals: Ints, eve: int, end: int, timing: Timing) -> Iterator[int]:
    """Those of one series: often while it is young, then every ``train_every``, and when it is back after a silence."""
    if not len(arrivals):
        return
    silence = np.flatnonzero(np.diff(arrivals) > timing.ttl)
    returns = np.append(arrivals[silence + 1] + timing.train_cadence, np.iinfo(np.int64).max)
    first = int(arrivals[0])
    # A warm start trains on all that is there; a cold one has nothing at its eve.
    at = eve if first < eve else first + timing.train_cadence
    while (at := -(-at // timing.step) * timing.step) <= end:
        yield at
        span = min(at - first, timing.window)
        wait = int(min(max(GROWTH * span, timing.train_cadence), timing.train_every))
        at = min(at + wait, int(returns[np.searchsorted(returns, at, side="right")]))


def cuts(arrived: Bools, times: Ints, start: int, timing: Timing) -> Ints:
    """Columns from ``start`` on at which the series that are awaited are others than one step before.

    A tick judges all its samples for the series that are awaited at its end, so no batch may go across one of these.
    """
    columns = np.arange(arrived.shape[1] - start)
    last = np.maximum.accumulate(np.where(arrived[:, start:], columns, -1), axis=1)
    seen = np.where(last >= 0, times[start:][last], np.iinfo(np.int64).min)
    awaited = seen >= times[start:] - timing.ttl
    return start + 1 + np.flatnonzero((awaited[:, 1:] != awaited[:, :-1]).any(axis=0))
