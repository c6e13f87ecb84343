"""Samples → features, after Anomstack's preprocessing: resample → diff → mean of some → lags, without what has gaps.

Plain array code whose every sum runs in one order, so that a row has the same bits whatever stands beside it.
"""

from __future__ import annotations

import numpy as np

from sentio.detectors.pyod.options import Preprocess
from sentio.types import Floats, Ints

_MOST = 1e100
"""Of a sample: its square, and sums of such, are still finite."""
_MOST_BINS = 1_000_000
"""Fewer than a day of seconds; of a longer time only the newest are made."""
_SLACK = 64
"""Samples that may come a second time and are judged again."""


def features(times: Ints, values: Floats, how: Preprocess) -> tuple[Ints, Floats]:
    """When each row was known, ``[r]``, and the rows, ``[r, 1 + lags]``: a value and those before it, newest first.

    ``values [n]`` are finite, ``times [n]`` rising. A bin is known at the first sample after its end, so several rows
    may have one time.
    """
    values = np.clip(values, -_MOST, _MOST)
    if how.resample is not None:
        times, values = _bins(times, values, how.resample, how.aggregate)
    if len(values) <= how.reach:
        return np.empty(0, np.int64), np.empty((0, 1 + how.lags))
    steps = values[how.diff :] - values[: -how.diff] if how.diff else values
    count = len(steps) - how.smooth + 1
    total = np.zeros(count)
    for i in range(how.smooth):
        total += steps[i : i + count]
    smooth = total / how.smooth
    rows = np.lib.stride_tricks.sliding_window_view(smooth, 1 + how.lags)[:, ::-1]
    whole = ~np.isnan(rows).any(axis=1)
    return times[how.reach :][whole], np.ascontiguousarray(rows[whole])


def tail(times: Ints, values: Floats, how: Preprocess) -> tuple[Ints, Floats]:
    """The newest samples, without which the features of those that follow could not be told."""
    if how.resample is None:
        first = max(0, len(times) - how.reach - _SLACK)
    elif len(times):
        # One more than the bins that the next row needs, so that an empty one is known to be there.
        oldest = (times[-1] // how.resample - how.reach) * how.resample
        first = max(0, int(np.searchsorted(times, oldest)) - 1)
    else:
        first = 0
    return times[first:], values[first:]


def together(old: tuple[Ints, Floats], new: tuple[Ints, Floats]) -> tuple[Ints, Floats]:
    """Samples of both in the order of their times; where both have one, the new."""
    if not len(old[0]) or not len(new[0]) or new[0][0] > old[0][-1]:
        return np.concatenate([old[0], new[0]]), np.concatenate([old[1], new[1]])
    keep = ~np.isin(old[0], new[0])
    times = np.concatenate([old[0][keep], new[0]])
    order = np.argsort(times)
    return times[order], np.concatenate([old[1][keep], new[1]])[order]


def _bins(times: Ints, values: Floats, length: int, aggregate: str) -> tuple[Ints, Floats]:
    """Of each bin that has ended, empty ones among them, the first time after it and what it says of its samples.

    Bins begin at multiples of ``length`` ns since the epoch.
    """
    number = times // length
    if not len(number):
        return times, values
    number = np.maximum(number, number[-1] - _MOST_BINS)
    kept = times // length == number
    times, values, number = times[kept], values[kept], number[kept]
    first, count = int(number[0]), int(number[-1] - number[0])
    sums = np.bincount(number - first, values, count + 1)[:count].astype(np.float64)
    ends = np.searchsorted(times, (first + 1 + np.arange(count, dtype=np.int64)) * length)
    if aggregate == "sum":
        return times[ends], sums
    counts = np.bincount(number - first, minlength=count + 1)[:count]
    return times[ends], np.divide(sums, counts, out=np.full(count, np.nan), where=counts > 0)
