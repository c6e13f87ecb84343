"""Whether a window of time differs from the history, by Welch's t-test, after the t-test of Kapacitor's guide.

=======================  ======  ==========================================================================
past                     [S, w]  the values of the history: in their order until there are ``size`` of them, a
                                 ring then; zeros behind them
number, head             [S]     how many they are, and which of a full ring is the oldest
mean, squares            [S]     of the history: its mean, and the sum of the squares of the distances from it
t, pvalue, since         [S]     the last verdict, NaN before the first, and the time (ns) of its sample
=======================  ======  ==========================================================================

What `sentio.timewindow` keeps stands beside them.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sentio import timewindow
from sentio.compiled import kernel
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.timewindow import TimeWindow, Windows
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_MOST = 1e6
"""Of the standard score, where the p-value is 0."""
_LARGE = 1e150
"""A mean or a deviation above says nothing: its square would leave no room for sums."""
_SAME = 1e-12
"""Of the larger mean: a smaller difference is rounding."""
_TINY = 1e-17
"""What no longer changes a continued fraction."""


class _Known(NamedTuple):
    past: Floats
    number: Ints
    head: Ints
    mean: Floats
    squares: Floats
    t: Floats
    pvalue: Floats
    since: Ints


class Welch(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As the guide has them."""

        size: Annotated[int, Field(ge=2, le=100_000)] = 3600
        """Values of the history; of more, the oldest go."""
        alpha: Annotated[float, Field(gt=0, lt=1)] = 0.001
        """The level of significance: a window is anomalous whose p-value is not above it."""
        window: TimeWindow = TimeWindow()
        """What is compared with the history."""

    outputs = ("t", "pvalue")

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        nothing, none = np.zeros(series), np.zeros(series, np.int64)
        unknown = np.full(series, np.nan)
        known = _Known(np.zeros((series, 0)), none, none, nothing, nothing, unknown, unknown, none)
        return {name: array.copy() for name, array in known._asdict().items()} | timewindow.blank(series)

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        windows = timewindow.follow(own, self._options.window, times, values, again)
        own["past"] = self._with_room(own, windows)
        known = _Known(*(own[name] for name in _Known._fields))
        t, pvalue = out = np.full((2, *values.shape), np.nan)
        _judge(times, values, again, windows, self._options.alpha, self._options.size, known, out)
        most = int(own["number"].max(initial=0))
        if most < own["past"].shape[1]:
            own["past"] = own["past"][:, :most].copy()
        score = np.minimum(np.log(pvalue) / math.log(self._options.alpha) + 0.0, _MOST)
        standard, anomaly = agreeing(score, pvalue <= self._options.alpha)
        return {SCORE: standard, ANOMALY: anomaly, "t": t, "pvalue": pvalue}

    def _with_room(self, own: Arrays, windows: Windows) -> Floats:
        """The history, with zeros behind it for all that may enter it now."""
        past: Floats = own["past"]
        most = int((own["number"] + (windows.end - windows.first).sum(axis=1)).max(initial=0))
        room = min(most, self._options.size) - past.shape[1]
        return np.pad(past, ((0, 0), (0, room))) if room > 0 else past


@kernel
def _judge(
    times: Ints, values: Floats, again: Bools, windows: Windows, alpha: float, size: int, known: _Known, out: Floats
) -> None:
    """``out [2, S, m]``: t and p of the last verdict, at each sample that is not before it."""
    for s in range(len(values)):
        for j in range(values.shape[1]):
            if np.isnan(values[s, j]):
                continue
            if windows.end[s, j] > windows.first[s, j]:
                window = windows.line[s, windows.first[s, j] : windows.end[s, j]]
                _end(s, window, times[j], alpha, size, known)
            if not again[s, j] or times[j] >= known.since[s]:
                out[0, s, j], out[1, s, j] = known.t[s], known.pvalue[s]


@kernel
def _end(s: int, window: Floats, at: int, alpha: float, size: int, known: _Known) -> None:
    """A window has ended with the sample ``at`` ns: compare it with the history, and let it enter unless it
    differs."""
    mean, squares = _moments(window)
    if not (abs(mean) < _LARGE and squares < _LARGE * _LARGE):
        return
    pvalue = 1.0
    if known.number[s] > 0:
        t, pvalue = _test(known.mean[s], known.squares[s], known.number[s], mean, squares, len(window))
        known.t[s], known.pvalue[s], known.since[s] = t, pvalue, at
    if pvalue > alpha:
        for value in window:
            _enter(s, value, size, known)


@kernel
def _moments(values: Floats) -> tuple[float, float]:
    """The mean, and the sum of the squares of the distances from it, after Welford."""
    mean, squares = 0.0, 0.0
    for i in range(len(values)):
        off = values[i] - mean
        mean += off / (i + 1)
        squares += off * (values[i] - mean)
    return mean, squares


@kernel
def _enter(s: int, value: float, size: int, known: _Known) -> None:
    """One value more in the history, in place of the oldest where it is full."""
    number = known.number[s] + 1
    off = value - known.mean[s]
    mean = known.mean[s] + off / number
    squares = known.squares[s] + off * (value - mean)
    if number <= size:
        known.past[s, number - 1] = value
        known.number[s] = number
    else:
        head = known.head[s]
        old = known.past[s, head]
        known.past[s, head] = value
        known.head[s] = (head + 1) % size
        without = mean + (mean - old) / size  # exact where all values are the same
        squares -= (old - mean) * (old - without)
        mean = without
        if known.head[s] == 0:
            # Once all values have gone, so has the rounding that they have left in the sums.
            mean, squares = _moments(known.past[s, :size])
    known.mean[s], known.squares[s] = mean, max(squares, 0.0)


@kernel
def _test(
    mean: float, squares: float, number: int, mean_b: float, squares_b: float, number_b: int
) -> tuple[float, float]:
    """t and the two-sided p-value of two samples whose variances may differ (Welch 1947)."""
    gap = mean - mean_b
    if abs(gap) <= _SAME * max(abs(mean), abs(mean_b)):
        gap = 0.0
    a = squares / (number - 1) / number if number > 1 else 0.0
    b = squares_b / (number_b - 1) / number_b if number_b > 1 else 0.0
    if gap == 0.0 or a + b == 0.0:
        return (0.0, 1.0) if gap == 0.0 else (np.copysign(np.inf, gap), 0.0)
    share = a / (a + b)
    freedom = 1 / (share**2 / (number - 1) + (1 - share) ** 2 / (number_b - 1))
    if np.isnan(freedom):  # a sample of one value has no variance
        freedom = 1.0
    t = gap / math.sqrt(a + b)
    return t, _two_sided(t, freedom)


@kernel
def _two_sided(t: float, freedom: float) -> float:
    """The probability that Student's t is further from 0 than ``t``: the incomplete beta function
    I_x(freedom / 2, 1 / 2) at x = freedom / (freedom + t²)."""
    a = freedom / 2
    ratio = abs(t) / math.sqrt(freedom)
    if ratio == 0.0:
        return 1.0
    # x and 1 - x, neither by a difference; ratio² may be more than a float can be.
    log_x = -math.log1p(ratio * ratio) if ratio < 1e8 else -2 * math.log(ratio)
    x = math.exp(log_x)
    rest = 1 / (1 + 1 / ratio / ratio)
    front = math.exp(a * log_x) * math.sqrt(rest) / math.sqrt(math.pi) * _gamma_ratio(a)
    if x < (a + 1) / (a + 2.5):
        return front / a * _fraction(a, 0.5, x)
    return 1 - 2 * front * _fraction(0.5, a, rest)


@kernel
def _gamma_ratio(a: float) -> float:
    """Γ(a + 1/2) / Γ(a); its expansion for large a is DLMF 5.11.13."""
    if a < 100:
        return math.gamma(a + 0.5) / math.gamma(a)
    u = 1 / a
    terms = 1 + u * (-1 / 8 + u * (1 / 128 + u * (5 / 1024 + u * (-21 / 32768 + u * (-399 / 262144)))))
    return math.sqrt(a) * terms


@kernel
def _fraction(a: float, b: float, x: float) -> float:
    """1/(1+ d₁/(1+ d₂/(1+ …))), the continued fraction of the incomplete beta function (DLMF 8.17.22), its
    convergents added up by their differences (DLMF 3.10.13)."""
    total, change, denominator = 1.0, 1.0, 1.0
    for n in range(1, 100_000):
        m = n // 2
        if n % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / (1 + d * denominator)
        change *= denominator - 1
        total += change
        if abs(change) <= _TINY * abs(total):
            break
    return total
