"""Whether what is off is the shape of the day at another time: the compiled part.

A day is longer than the samples that are kept, so this is seen by the hour. The deviations of the last day are
explained by each of these: nothing, a constant or a line for some hours, anything for some hours, and what was expected
at another time from some hour on. Of two explanations the better one has the smaller Bayesian information criterion
(Schwarz 1978, *Estimating the dimension of a model*); the shift must be better by far, and its size be certain.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.kinds import Kind
from sentio.judgement.memory import A_DAY, Memory
from sentio.types import SECOND, Floats

_HOUR = 3600 * SECOND
_EARLY, _LATE = int(Kind.EARLY_PATTERN), int(Kind.LATE_PATTERN)
_FIRST, _LAST = int(Kind.SPIKE), int(Kind.VARIANCE_CHANGE)
"""Kinds that may turn out to be a shift."""
_LARGEST = 1e37
"""What is off is cut off here, so that single precision holds it."""
_PARTS = 4
"""Of an hour, by which shifts are told apart."""
_LEAST, _MOST = 2, 24
"""Parts of an hour that a shift has at least, and that are tried at most."""
_KNOWN = 18.0
"""Hours of the last day that must be known."""
_SEEN = 2
"""Hours that a shift must have lasted, the one that is under way counted."""
_ERROR = 0.125
"""Variance of an hour's mean, in squared scales of the noise of a sample: what no explanation has to be nearer than."""
_BETTER = 12.0
"""By how much a shift must be the better explanation than all others;"""
_CERTAIN = 6.0
"""and than shifts that are an hour longer or shorter: of what has not come at all nobody knows when it will."""
_REST = 0.5
"""Part of the incident's own sum of squares that it leaves at most."""


@part
def remember_hour(s: int, t: int, step: int, value: float, expected: float, kept: Memory) -> None:
    """Take what came of series ``s`` at ``t`` ns, and what was expected, before `Memory.pushed` is that."""
    if step > _HOUR:
        return
    hour, number = t // _HOUR, t % _HOUR // step + 1
    for ended in range(max(kept.pushed[s] // _HOUR, hour - A_DAY) + 1, hour + 1):
        kept.hours[s, :, ended % A_DAY] = np.nan
    mean = kept.hours[s, :, hour % A_DAY]
    # As `Memory.forecast` and `Memory.deviation` are.
    for i, x in enumerate((expected - kept.anchor[s], value - expected)):
        if np.isfinite(x):
            held = min(max(x, -_LARGEST), _LARGEST)
            mean[i] = held if np.isnan(mean[i]) else mean[i] + (held - mean[i]) / number


@part
def name_shift(s: int, t: int, step: int, kept: Memory) -> None:
    """Early or late, of the open incident of series ``s`` if it is so at ``t`` ns."""
    if step > _HOUR or not (kept.open[s] and _FIRST <= kept.kind[s] <= _LAST):
        return
    parts = _shift(s, t, step, kept)
    if parts != 0:
        kept.kind[s] = _LATE if parts > 0 else _EARLY
        kept.onset[s] = kept.began[s]
        steps = max(1, round(abs(parts) * _HOUR / _PARTS / step))  # Half a step would be none.
        kept.lag[s] = steps if parts > 0 else -steps


@part
def _shift(s: int, t: int, step: int, kept: Memory) -> int:
    """Parts of an hour by which what was expected would have to be later to explain the last day; or 0."""
    noise = np.float64(kept.scale[s])
    forecast, off, weight = np.empty(A_DAY), np.zeros(A_DAY), np.zeros(A_DAY)
    for h in range(A_DAY):
        slot = (t // _HOUR + 1 + h) % A_DAY
        forecast[h] = kept.hours[s, 0, slot] / noise
        if not np.isnan(kept.hours[s, 1, slot]):
            off[h], weight[h] = kept.hours[s, 1, slot] / noise, 1.0
    weight[-1] *= min((t % _HOUR + step) / _HOUR, 1.0)
    known = weight.sum()
    if not (known >= _KNOWN and noise > 0):
        return 0
    simplest = _otherwise(off, weight, known)
    costs = np.empty(2 * _MOST + 1)
    for parts in range(-_MOST, _MOST + 1):
        left = _left(parts, forecast, off, weight) if abs(parts) >= _LEAST else np.inf
        costs[parts + _MOST] = _cost(left, known, 2)
    best = int(np.argmin(costs))
    for i in range(len(costs)):
        if abs(i - best) >= _PARTS and costs[i] < costs[best] + _CERTAIN:
            return 0
    if not (_PARTS <= best < len(costs) - _PARTS and costs[best] + _BETTER <= simplest):
        return 0
    return best - _MOST if _explains(best - _MOST, forecast * noise, s, t, step, kept) else 0


@part
def _moved(parts: int, forecast: Floats, h: int) -> float:
    """``forecast`` so many parts of an hour later, in hour ``h``. What was expected of the hours to come is what it was
    a day before."""
    back, part = parts // _PARTS, parts % _PARTS / _PARTS
    return float((1 - part) * forecast[(h - back) % A_DAY] + part * forecast[(h - back - 1) % A_DAY])


@part
def _explains(parts: int, forecast: Floats, s: int, t: int, step: int, kept: Memory) -> bool:
    """Whether the shift accounts for most of the incident's own samples: what it is nearer to may be another thing."""
    total, left = 0.0, 0.0
    length = kept.deviation.shape[1]
    for at in range(max(kept.began[s] // step, t // step - length + 1), t // step + 1):
        h = A_DAY - 1 - t // _HOUR + at * step // _HOUR
        off = np.float64(kept.deviation[s, at % length])
        if h >= 0 and not np.isnan(off):
            rest = off - (_moved(parts, forecast, h) - forecast[h])
            total, left = total + off * off, left + rest * rest
    return left <= _REST * total


@part
def _cost(left: float, known: float, parameters: int) -> float:
    """The criterion of what leaves a sum of squares ``left`` of so many ``known`` hours."""
    return float(known * np.log(left / known + _ERROR) + parameters * np.log(known))


@part
def _left(parts: int, forecast: Floats, off: Floats, weight: Floats) -> float:
    """Sum of squares that is left where the forecast comes so many parts of an hour later, from the best hour on."""
    before, shifted, least = np.zeros(A_DAY), 0.0, np.inf
    for h in range(1, A_DAY):
        before[h] = before[h - 1] + weight[h - 1] * off[h - 1] ** 2
    for h in range(A_DAY - 1, -1, -1):
        moved = _moved(parts, forecast, h)
        if np.isnan(moved):
            break
        shifted += weight[h] * (off[h] + forecast[h] - moved) ** 2
        if h <= A_DAY - _SEEN:
            least = min(least, before[h] + shifted)
    return float(least)


@part
def _otherwise(off: Floats, weight: Floats, known: float) -> float:
    """The criterion of the best explanation that is no shift: none at all, or for some hours a constant, a line or a
    number for each."""
    least = np.full(A_DAY + 3, np.inf)
    total = (weight * off**2).sum()
    least[0] = total
    for first in range(A_DAY):
        w, x, y, xx, xy, yy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for h in range(first, A_DAY):
            w, x, y = w + weight[h], x + weight[h] * h, y + weight[h] * off[h]
            xx, xy = xx + weight[h] * h * h, xy + weight[h] * h * off[h]
            yy += weight[h] * off[h] ** 2
            if w == 0:
                continue
            # Where it begins, and where it ends if it has.
            edges = 1 if h == A_DAY - 1 else 2
            hours = h - first + 1
            constant = total - y * y / w
            least[edges + hours] = min(least[edges + hours], total - yy)
            least[edges + 1] = min(least[edges + 1], constant)
            spread = xx - x * x / w
            if hours > 2 and spread > 0:
                least[edges + 2] = min(least[edges + 2], constant - (xy - x * y / w) ** 2 / spread)
    best = np.inf
    for parameters in range(len(least)):
        best = min(best, _cost(max(least[parameters], 0.0), known, parameters))
    return best
