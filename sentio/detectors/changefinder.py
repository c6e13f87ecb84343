"""Where a series changes, by ChangeFinder: an autoregression that forgets, and another one over its smoothed losses.

Takeuchi and Yamanishi's two stages as takuti's Datadog Anomaly Detector has them in its last version: means, variances
and windows begin with zeros, the second stage forgets half as fast, and each sample is scored by the windows before it.

=====================  ==========  =======================================================================
order                  [S]         k, of both stages
seen                   [S]         samples, up to those that a verdict waits for
mean1, spread1         [S]         of the samples: units, and the variance of what was not foreseen
cov1, past1            [S, k + 1]  autocovariances; the newest samples, the newest first
mean2, spread2, cov2,  the same    of the smoothed outlier scores
past2
losses, changes        [S, T]      the newest scores of each stage, the newest first
=====================  ==========  =======================================================================
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from sentio.compiled import kernel
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.orders import by_aic
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_USUAL = 7
"""The order where there is no history to choose it by."""
_FOR_EACH = 10
"""Samples that a history has for each order that may be chosen."""
_LARGEST = 1e130
"""A larger sample has no square that could be counted with, and is no sample."""
_MOST = 1e6
"""Of the standard score."""
_EPSILON = float(np.finfo(np.float64).eps)


class _Stage(NamedTuple):
    mean: Floats
    spread: Floats
    cov: Floats
    past: Floats


class _Known(NamedTuple):
    order: Ints
    seen: Ints
    first: _Stage
    second: _Stage
    losses: Floats
    changes: Floats


class _How(NamedTuple):
    """The options, for the kernels."""

    rate: float
    hellinger: bool
    burg: bool
    upstream: bool
    patience: int
    forgetting: float
    """By how much its score moves with each sample while a first stage foresees exactly, and so only forgets."""


class ChangeFinder(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As ChangeFinder has them."""

        r: Annotated[float, Field(ge=0.0001, lt=1)] = 0.02
        """How fast it forgets: the weight of the newest sample. The second stage has half of it."""
        k: Annotated[int, Field(ge=1, le=50)] | Literal["auto"] = "auto"
        """Samples that the next one is foreseen from; ``auto`` chooses by AIC for each series."""
        max_k: Annotated[int, Field(ge=1, le=50)] = 20
        """The largest that ``auto`` may choose."""
        T1: Annotated[int, Field(ge=1, le=1000)] = 10
        """Outlier scores whose mean goes to the second stage."""
        T2: Annotated[int, Field(ge=1, le=1000)] = 5
        """Scores of the second stage whose mean is ``change``."""
        loss: Literal["logloss", "hellinger"] = "logloss"
        """What a score is: how unlikely the sample was, or how far the model moved."""
        ar: Literal["yule", "burg"] = "yule"
        """How the autoregression is solved."""
        threshold: Annotated[float, Field(gt=0)] | None = None
        """A sample is anomalous whose ``change`` is more; None for what suits ``loss``."""
        compat: Literal["upstream"] | None = None
        """The original's accidents, too."""

    outputs = ("outlier", "change")

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options
        self._threshold = options.threshold or {"logloss": 5.0, "hellinger": 3.0}[options.loss]
        self._how = _How(
            options.r,
            options.loss == "hellinger",
            options.ar == "burg",
            options.compat == "upstream",
            math.ceil(2 / options.r),
            _forgetting(options.r, options.loss),
        )

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        k = self._options.k
        return self._of(np.full(series, min(_USUAL, self._options.max_k) if k == "auto" else k, np.int64))

    def _of(self, orders: Ints) -> Arrays:
        """The arrays of series with these orders, before the first sample."""
        series, most = len(orders), int(orders.max(initial=1))
        own: Arrays = {"order": orders, "seen": np.zeros(series, np.int64)}
        for stage in "12":
            own |= {f"mean{stage}": np.zeros(series), f"spread{stage}": np.zeros(series)}
            own |= {f"cov{stage}": np.zeros((series, most + 1)), f"past{stage}": np.zeros((series, most))}
        own |= {"losses": np.zeros((series, self._options.T1)), "changes": np.zeros((series, self._options.T2))}
        return own

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """The history says which order to take, where none is given, and is then learned from."""
        if self._options.k == "auto":
            orders, most = own["order"], self._options.max_k
            enough = np.isfinite(values).sum(axis=1) >= _FOR_EACH * most
            if enough.any():
                usable = np.where(np.abs(values[enough]) <= _LARGEST, values[enough], np.nan)
                orders[enough] = by_aic(usable, most)[0]
                own |= self._of(orders)
        self.step(own, times, values, np.zeros(values.shape, bool))

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        first, second = (_Stage(*(own[f"{name}{stage}"] for name in _Stage._fields)) for stage in "12")
        known = _Known(own["order"], own["seen"], first, second, own["losses"], own["changes"])
        out = np.full((3, *values.shape), np.nan)
        _judge(values, again, self._how, known, out)
        outlier, change, judged = out
        standard = np.clip(judged / self._threshold, 0.0, _MOST)
        standard, anomaly = agreeing(standard, judged > self._threshold)
        return {SCORE: standard, ANOMALY: anomaly, "outlier": outlier, "change": change}


def _forgetting(rate: float, loss: str) -> float:
    """`_How.forgetting`. Where all is foreseen the variance falls by the share ``rate`` with each sample, down to what
    numbers can tell. There the slope of the score ends."""
    fall = -math.log1p(-rate)
    return fall / 2 if loss == "logloss" else 100 * (1 - 1 / math.sqrt(math.cosh(fall / 2)))


@kernel
def _judge(values: Floats, again: Bools, how: _How, known: _Known, out: Floats) -> None:
    """``out [3, S, m]``: outlier score, change score, and the change score once it is to be judged by."""
    one, two = known.first, known.second
    work = np.empty((3, one.past.shape[1] + 1))
    for s in range(len(values)):
        # What is of one series is looked up once: that takes as long as all else.
        k, seen, losses, changes = known.order[s], known.seen[s], known.losses[s], known.changes[s]
        cov1, past1, mean1, spread1 = one.cov[s], one.past[s], one.mean[s], one.spread[s]
        cov2, past2, mean2, spread2 = two.cov[s], two.past[s], two.mean[s], two.spread[s]
        for j in range(values.shape[1]):
            value = values[s, j]
            if again[s, j] or not abs(value) <= _LARGEST:
                continue
            outlier, mean1, spread1 = _update(value, k, how.rate, 0.0, how, mean1, spread1, cov1, past1, work)
            smooth = _pushed(losses, outlier)
            # Where the first stage is at rest, that it was not before is no change.
            least = how.forgetting if spread1 <= _finest(value, mean1, how.rate, how.upstream) ** 2 else 0.0
            raw, mean2, spread2 = _update(smooth, k, how.rate / 2, least, how, mean2, spread2, cov2, past2, work)
            change = _pushed(changes, raw)
            out[0, s, j], out[1, s, j] = outlier, change
            if seen < how.patience:
                seen += 1
            else:
                out[2, s, j] = change
        known.seen[s] = seen
        one.mean[s], one.spread[s], two.mean[s], two.spread[s] = mean1, spread1, mean2, spread2


@kernel
def _pushed(window: Floats, value: float) -> float:
    """The mean of a window, once ``value`` is the newest in it."""
    total = value
    for i in range(len(window) - 1, 0, -1):
        window[i] = window[i - 1]
        total += window[i]
    window[0] = value
    return total / len(window)


@kernel
def _update(
    x: float, k: int, rate: float, least: float, how: _How, mean: float, spread: float, cov: Floats, past: Floats,
    work: Floats,
) -> tuple[float, float, float]:  # fmt: skip
    """Have one stage of one series learn from ``x``; its score, its mean and its spread. A distance of ``least`` is no
    surprise, and one below what numbers of that size can tell is none."""
    a = work[0]
    now = (1 - rate) * mean + rate * x
    if how.burg:
        _burg(x, past, k, how.upstream, work)
    else:
        share = rate * (x - now)
        cov[0] = (1 - rate) * cov[0] + share * (x - now)
        for i in range(k):
            cov[i + 1] = (1 - rate) * cov[i + 1] + share * (past[i] - now)
        _levinson(cov, k, how.upstream, a)
    expected = 0.0
    for i in range(k):
        expected += a[i] * (past[i] - now)
    off = x - (expected + now)
    if not abs(off) <= _LARGEST:
        off = x - now
    finest = _finest(x, now, rate, how.upstream)
    if abs(off) <= finest:
        off = 0.0
    after = (1 - rate) * spread + rate * off * off
    for i in range(k - 1, 0, -1):
        past[i] = past[i - 1]
    past[0] = x
    floor = max(least, finest) ** 2 if finest > 0 else 0.0
    if how.hellinger:
        before = max(spread, floor) if spread > 0 or mean == now else 0.0  # of the first sample nothing was foreseen
        return _hellinger(mean, before, now, max(after, floor), how.upstream), now, after
    return _logloss(off, max(after, floor), how.upstream), now, after


@kernel
def _finest(x: float, mean: float, rate: float, upstream: bool) -> float:
    """The smallest distance that is one, of numbers of that size: a mean stands still where the share ``rate`` of what
    it is off is less than a unit or two in its last place. The original knows of none."""
    return 0.0 if upstream else 2 * _EPSILON * max(abs(x), abs(mean)) / rate


@kernel
def _logloss(off: float, spread: float, upstream: bool) -> float:
    """-ln of the normal density of variance ``spread`` at the distance ``off``. Its logarithm is reckoned itself, so
    that it has no underflow."""
    if upstream and (spread == 0 or math.exp(-0.5 * off * off / spread) / math.sqrt(2 * math.pi * spread) == 0):
        return 0.0
    if spread == 0:
        return 0.0
    return 0.5 * math.log(2 * math.pi) + 0.5 * math.log(spread) + 0.5 * (off * off / spread)


@kernel
def _hellinger(mean1: float, spread1: float, mean2: float, spread2: float, upstream: bool) -> float:
    """The distance between two normal distributions, 0 to 100. Two that are points are as far apart as can be, unless
    they are the same point; the original says so even then."""
    both = spread1 + spread2
    if both == 0:
        return 100.0 if upstream or mean1 != mean2 else 0.0
    near = math.exp(-0.25 * (mean1 - mean2) ** 2 / both) / math.sqrt(both / 2)
    return 100 * (1 - math.sqrt(math.sqrt(spread1)) * math.sqrt(math.sqrt(spread2)) * near)


@kernel
def _levinson(c: Floats, k: int, upstream: bool, a: Floats) -> None:
    """The autoregression ``a [k]`` of the autocovariances ``c [k + 1]``, by Levinson and Durbin. Autocovariances that
    forget need not be any series': where a reflection coefficient is 1 or more the lower order is kept, for none above
    it is stationary. The original goes on."""
    a[:k] = 0.0
    rest = c[0]
    for t in range(k):
        if rest == 0:
            return
        g = c[t + 1]
        for i in range(t):
            g -= a[i] * c[t - i]
        g /= rest
        if not upstream and not abs(g) < 1:
            return
        _raised(a, t, g)
        rest *= 1 - g * g


@kernel
def _raised(a: Floats, t: int, g: float) -> None:
    """Of the autoregression ``a`` of order ``t`` one of an order more, with that reflection coefficient."""
    for i in range((t + 1) // 2):
        left, right = a[i], a[t - 1 - i]
        a[i], a[t - 1 - i] = left - g * right, right - g * left
    a[t] = g


@kernel
def _burg(x: float, past: Floats, k: int, upstream: bool, work: Floats) -> None:
    """The same in ``work[0]``, of ``x`` and the ``k`` samples before it alone, by Burg. The original gives it the other
    sign."""
    a, ahead, back = work
    a[:k] = 0.0
    back[0] = x
    for i in range(k):
        ahead[i] = past[i]
        back[i + 1] = past[i]
    for t in range(k):
        above, below = 0.0, 0.0
        for i in range(k - t):
            above += ahead[i] * back[i]
            below += ahead[i] * ahead[i] + back[i] * back[i]
        g = 2 * above / below if below > 0 else 0.0
        _raised(a, t, g)
        for i in range(k - t - 1):
            back[i], ahead[i] = back[i] - g * ahead[i], ahead[i + 1] - g * back[i + 1]
    if upstream:
        for i in range(k):
            a[i] = -a[i]
