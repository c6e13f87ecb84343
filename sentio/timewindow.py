"""Windows of time over the samples of each series, as Kapacitor's ``window`` node has them.

What drives them is the data: a window has ended when a sample arrives that is not before its end. Series are
independent, and may have gaps and times of their own.

=============  ======  ========================================================================
window_times   [S, w]  ns, of the samples that a window to come may have; zeros behind them
window_values  [S, w]
window_count   [S]     how many they are
window_end     [S]     ns, where the next window ends; `_NEVER` before the first sample
=============  ======  ========================================================================
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentio.compiled import kernel
from sentio.config.durations import Delay, Duration
from sentio.config.options import Options
from sentio.types import SECOND, Array, Bools, Floats, Ints

_NEVER = np.iinfo(np.int64).min

_YEAR_ONE = -62_135_596_800 * SECOND
"""Where Go's ``Time.Truncate`` counts from, so that an aligned week begins on a Monday."""

_MINUTE = 60 * SECOND


class TimeWindow(Options):
    """As Kapacitor's ``window`` has them."""

    period: Duration = 5 * _MINUTE
    """How long a window is."""
    every: Delay = 5 * _MINUTE
    """How long after the sample that ended a window the next one ends; 0s: each sample ends one, and is in it."""
    align: bool = False
    """Windows end at multiples of `every`; without effect where that is 0s."""
    fill_period: bool = False
    """The first window ends a whole `period` after the first sample."""


class Windows(NamedTuple):
    """The windows that end at samples ``[S, m]``, in their order: that of series ``s`` which ends at sample ``j`` has
    the values ``line[s, first[s, j] : end[s, j]]``. Where none ends, or one without a sample, both are 0."""

    line: Floats
    first: Ints
    end: Ints


class _Rule(NamedTuple):
    period: int
    every: int
    align: bool
    fill: bool
    phase: int
    """Multiples of `every` are counted from here."""


def blank(series: int) -> dict[str, Array]:
    """The arrays of windows of which no sample is known."""
    return {
        "window_times": np.zeros((series, 0), np.int64),
        "window_values": np.zeros((series, 0)),
        "window_count": np.zeros(series, np.int64),
        "window_end": np.full(series, _NEVER),
    }


def follow(own: dict[str, Array], window: TimeWindow, times: Ints, values: Floats, again: Bools) -> Windows:
    """The windows that end at the samples ``values [S, m]`` at ``times [m]``; the arrays of ``own`` are put forward.

    NaN is no sample, and what is ``again [S, m]`` was followed before.
    """
    rule = _Rule(
        window.period,
        window.every,
        window.align and window.every > 0,
        window.fill_period,
        _YEAR_ONE % window.every if window.every else 0,
    )
    width = own["window_times"].shape[1]
    series, samples = values.shape
    line_times, line = np.zeros((series, width + samples), np.int64), np.zeros((series, width + samples))
    line_times[:, :width], line[:, :width] = own["window_times"], own["window_values"]
    first, end = np.zeros((2, series, samples), np.int64)
    left = np.zeros(series, np.int64)
    count, ends = own["window_count"], own["window_end"]
    _follow(rule, times, values, again, line_times, line, count, ends, first, end, left)
    most = int((count - left).max(initial=0))
    own["window_times"], own["window_values"] = np.zeros((series, most), np.int64), np.zeros((series, most))
    _keep(line_times, line, left, count, own["window_times"], own["window_values"])
    return Windows(line, first, end)


@kernel
def _follow(
    rule: _Rule, times: Ints, values: Floats, again: Bools, line_times: Ints, line: Floats, count: Ints, ends: Ints,
    first: Ints, end: Ints, left: Ints,
) -> None:  # fmt: skip
    """``line [S, w + m]`` gets the fresh samples behind the ``count`` old ones; from ``left`` on they are still
    needed."""
    for s in range(len(values)):
        low, high = 0, count[s]
        for j in range(values.shape[1]):
            if np.isnan(values[s, j]) or again[s, j]:
                continue
            t = times[j]
            if ends[s] == _NEVER:
                ends[s] = _first_end(rule, t)
            if rule.every == 0:
                line_times[s, high], line[s, high] = t, values[s, j]
                high += 1
            if t >= ends[s]:
                since = t - rule.period + 1 if rule.every == 0 else ends[s] - rule.period
                while low < high and line_times[s, low] < since:
                    low += 1
                if high > low:
                    first[s, j], end[s, j] = low, high
                ends[s] = _aligned(rule, t + rule.every)
            if rule.every > 0:
                line_times[s, high], line[s, high] = t, values[s, j]
                high += 1
        if rule.every > 0:
            while low < high and line_times[s, low] < ends[s] - rule.period:
                low += 1
        left[s], count[s] = low, high


@kernel
def _first_end(rule: _Rule, t: int) -> int:
    """Where the first window ends whose first sample is at ``t``."""
    if not rule.fill:
        return _aligned(rule, t + rule.every)
    end = _aligned(rule, t + rule.period)
    if rule.align and end <= t + rule.period:
        end += rule.every
    return end


@kernel
def _aligned(rule: _Rule, t: int) -> int:
    return (t - rule.phase) // rule.every * rule.every + rule.phase if rule.align else t


@kernel
def _keep(line_times: Ints, line: Floats, left: Ints, count: Ints, times: Ints, values: Floats) -> None:
    for s in range(len(line)):
        count[s] -= left[s]
        for i in range(count[s]):
            times[s, i], values[s, i] = line_times[s, left[s] + i], line[s, left[s] + i]
