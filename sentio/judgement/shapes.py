"""Which `Kind` an incident is, from the shape of its deviations so far: the compiled part.

What is plain comes first: samples that fail to arrive, zeros, values that stand still. Else the deviations since the
incident began, in scales of the noise, are explained by each of these in turn: the expected shape at another time, a
spread with both signs, a line that leads away, a constant. What none of them explains is a spike or a dip.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentio.compiled import part
from sentio.judgement.kinds import Kind
from sentio.judgement.memory import Memory, noise_at
from sentio.types import Floats, Ints

_SPIKE, _DIP = int(Kind.SPIKE), int(Kind.DIP)
_LEVEL, _TREND, _VARIANCE = int(Kind.LEVEL_SHIFT), int(Kind.TREND_BREAK), int(Kind.VARIANCE_CHANGE)
_FLAT, _ZERO, _MISSING = int(Kind.FLATLINE), int(Kind.DROP_TO_ZERO), int(Kind.MISSING)
_EARLY, _LATE = int(Kind.EARLY_PATTERN), int(Kind.LATE_PATTERN)

_LEVEL_AFTER, _SPREAD_AFTER, _TREND_AFTER, _PATTERN_AFTER = 4, 5, 8, 12
"""Samples from which on an incident may be of the kind."""
_LARGEST = 1e6
"""Scales of the noise: larger deviations count as this."""
_SIGNIFICANT = 4.0
"""Standard errors by which a slope differs from none."""
_CHANGE = 3.0
"""Scales of the noise by which a line must have led away."""
_EXPLAINED = 0.8
"""Part of the deviations' sum of squares that a shifted expectation leaves out."""
_BETTER = 0.5
"""What it leaves, beside what a line leaves."""
_TYPICAL = 4.0
"""Spread in scales of the noise that is looked for at most before the incident began."""
_MATTERS = 0.2
"""Part of the spread: the sign of a smaller deviation says nothing."""
_NARROW, _WIDE = 0.4, 2.0
"""Spread in scales of the noise, below and above which it has changed."""


class Shape(NamedTuple):
    """The last steps of one series, the oldest first."""

    z: Floats
    """``[n]`` deviations since the incident began, in scales of the noise."""
    at: Ints
    """``[n]``: the steps of them."""
    every: Floats
    """``[length]`` the same of all steps, NaN where there was no sample."""
    forecast: Floats
    """``[length]`` of all steps, less the anchor; so ``deviation``, NaN where there was no sample, and ``noise``."""
    deviation: Floats
    noise: Floats


class Line(NamedTuple):
    """Least squares over the steps of a `Shape`."""

    first: float
    """Of the line, at the first sample; so ``last``."""
    last: float
    zero: float
    """Step at which it crosses zero; NaN where it is level."""
    error: float
    """Standard errors of the slope that it differs from 0, signed."""
    left: float
    """Sum of squares that it leaves; ``left_constant``: that the mean leaves."""
    left_constant: float
    mean: float


@part
def name_kind(s: int, t: int, step: int, arrived: bool, stuck: float, zeroed: float, kept: Memory) -> None:
    """The kind of the open incident of series ``s`` that the step at ``t`` ns is part of; ``stuck`` and ``zeroed`` are
    the evidence of that step."""
    kind, onset = _plain(s, arrived, stuck, zeroed, kept), kept.began[s]
    if kind == 0:
        kind, onset = _shaped(s, t, step, kept)
    kept.kind[s], kept.onset[s] = kind, onset


@part
def _plain(s: int, arrived: bool, stuck: float, zeroed: float, kept: Memory) -> int:
    """What needs no shape: as it is now, or as it was most of the time; else 0."""
    number = kept.samples[s]
    if not arrived or kept.missed[s] >= max(number, 1):
        return _MISSING
    if zeroed >= 1 or 2 * kept.zeroed[s] > number:
        return _ZERO
    if stuck >= 1 or (kept.equal[s] > 0 and 2 * kept.equal[s] > number):
        return _FLAT
    return 0


@part
def _shaped(s: int, t: int, step: int, kept: Memory) -> tuple[int, int]:
    """The kind of the deviations, and the onset in ns that belongs to it."""
    shape = _window(s, t, step, kept)
    number, began, before = len(shape.z), kept.began[s], kept.kind[s]
    if np.isnan(kept.peak[s]):
        # How far off it is is not known: nothing was expected of it.
        return 0, began
    # Once its beginning is out of sight it stays what it was, where its size may still move with the day.
    if began < t - (len(shape.noise) - 1) * step and before in (_LEVEL, _TREND):
        return int(before), kept.onset[s]
    since = _spread_from(shape)
    spread = _spread(shape, since)
    if spread > 0:
        kept.spread[s] = spread
        return _VARIANCE, _onset(s, t, step, _VARIANCE, since, kept)
    side = _SPIKE if kept.peak[s] > 0 else _DIP
    if number < _LEVEL_AFTER:
        return side, began
    line = _line(shape)
    if number >= _PATTERN_AFTER:
        lag = _lag(shape, line)
        if lag != 0:
            kept.lag[s] = lag
            return _LATE if lag > 0 else _EARLY, began
    if number >= _TREND_AFTER and _is_trend(line, number):
        # Where it left zero, which is before it could be told from noise.
        away = min(max(int(np.floor(line.zero)) + 1, 0), shape.at[number // 2])
        return _TREND, _onset(s, t, step, _TREND, away, kept)
    return _LEVEL if _is_level(shape.z, line) else side, began


@part
def _onset(s: int, t: int, step: int, kind: int, since: int, kept: Memory) -> int:
    """ns of the step ``since`` of the ring; where it began before the ring, what was said before stays."""
    oldest = t - (kept.deviation.shape[1] - 1) * step
    if kept.kind[s] == kind and (since == 0 or kept.began[s] < oldest):
        return int(kept.onset[s])
    return int(oldest + since * step if kept.began[s] >= oldest else kept.began[s])


@part
def _window(s: int, t: int, step: int, kept: Memory) -> Shape:
    length = kept.deviation.shape[1]
    forecast, deviation, noise = np.empty(length), np.empty(length), np.empty(length)
    z, at, every = np.empty(length), np.empty(length, np.int64), np.full(length, np.nan)
    number = 0
    for k in range(length):
        slot = (t // step - length + 1 + k) % length
        forecast[k], deviation[k] = kept.forecast[s, slot], kept.deviation[s, slot]
        noise[k] = noise_at(s, slot, kept)
        if np.isnan(deviation[k]):
            continue
        every[k] = min(max(deviation[k] / noise[k], -_LARGEST), _LARGEST)
        if t - (length - 1 - k) * step >= kept.began[s]:
            z[number], at[number] = every[k], k
            number += 1
    return Shape(z[:number], at[:number], every, forecast, deviation, noise)


@part
def _line(shape: Shape) -> Line:
    number = len(shape.z)
    x, y = 0.0, 0.0
    for i in range(number):
        x += shape.at[i] / number
        y += shape.z[i] / number
    xx, xy, yy = 0.0, 0.0, 0.0
    for i in range(number):
        xx += (shape.at[i] - x) ** 2
        xy += (shape.at[i] - x) * (shape.z[i] - y)
        yy += (shape.z[i] - y) ** 2
    slope = xy / xx
    left = max(yy - slope * xy, 0.0)
    first, last = y + slope * (shape.at[0] - x), y + slope * (shape.at[number - 1] - x)
    # What is left after one step is like what is left now: a slow wave has fewer independent samples than it has.
    alike, before = 0.0, 0.0
    for i in range(number):
        now = shape.z[i] - y - slope * (shape.at[i] - x)
        alike += now * before
        before = now
    alike = min(max(alike / max(left, 1e-9), 0.0), 0.9)
    # Four samples of the calibrated noise keep a few that agree by chance from seeming exact.
    variance = (left + 4) / (number + 2) * (1 + alike) / (1 - alike)
    zero = x - y / slope if slope != 0 else np.nan
    return Line(first, last, zero, slope / np.sqrt(variance / xx), left, yy, y)


@part
def _is_trend(line: Line, number: int) -> bool:
    """The line leads away from what was expected, and most of the deviation is its doing."""
    change = line.last - line.first
    # Of a long one only the last part is seen.
    enough = max(_CHANGE, (0.5 if number < 48 else 0.2) * abs(line.last))
    return abs(line.error) >= _SIGNIFICANT and change * line.last > 0 and abs(change) >= enough


@part
def _spread_from(shape: Shape) -> int:
    """The step from which on a wider or narrower spread is likelier than the usual one (maximum likelihood), at the
    latest where the incident began. One incident in many short ones is seen as what they are together."""
    square = 0.0
    for z in shape.z:
        square += z * z
    spread = min(np.sqrt(square / max(len(shape.z), 1)), _TYPICAL)
    first = shape.at[0] if len(shape.z) else len(shape.noise) - 1
    best, gain, since = 0.0, 0.0, first
    for k in range(first - 1, -1, -1):
        if np.isnan(shape.every[k]) or spread <= 0:
            break
        gain += 0.5 * shape.every[k] ** 2 * (1 - 1 / (spread * spread)) - np.log(spread)
        if gain > best:
            best, since = gain, k
        # Far behind: it was the usual spread before.
        if gain < best - 8:
            break
    return since


@part
def _spread(shape: Shape, since: int) -> float:
    """The spread from step ``since`` on, if the deviations that matter are of both signs and take turns, or all of
    them are much smaller than the noise usually is; else 0."""
    number, square = 0, 0.0
    for z in shape.every[since:]:
        if not np.isnan(z):
            number += 1
            square += z * z
    spread: float = np.sqrt(square / max(number, 1))
    if number >= _PATTERN_AFTER and 0 < spread <= _NARROW:
        return spread
    # Between a few far spikes to one side the usual noise takes turns, too.
    large, above, turns, before = 0, 0, 0, 0.0
    for z in shape.every[since:]:
        if abs(z) > _MATTERS * spread:
            large += 1
            above += z > 0
            turns += z * before < 0
            before = z
    fewer = min(above, large - above)
    both = fewer >= 2 and turns >= 2 and 5 * fewer >= large and 8 * turns >= large
    return spread if large >= _SPREAD_AFTER and both and spread >= _WIDE else 0.0


@part
def _is_level(z: Floats, line: Line) -> bool:
    """One side nearly all the time, and steady beside the noise or beside its own size."""
    number = len(z)
    aside = 0
    for i in range(number):
        aside += z[i] * line.mean > 0
    spread = np.sqrt(line.left_constant / (number - 1))
    steady = spread <= max(2.0, 0.35 * abs(line.mean))
    return 10 * aside >= 9 * number and abs(line.mean) >= 1 and (steady or number >= _PATTERN_AFTER)


@part
def _lag(shape: Shape, line: Line) -> int:
    """Steps by which what was expected would have to be later (below 0: earlier) to explain the deviations; or 0."""
    number, length = len(shape.z), len(shape.noise)
    if line.left < 2 * number:  # Nothing but noise is left to explain.
        return 0
    total = 0.0
    for i in range(number):
        total += shape.z[i] * shape.z[i]
    # A constant or a line is the simpler explanation.
    allowed = _BETTER * min(line.left, (1 - _EXPLAINED) * total / _BETTER) / number
    found, least = 0, np.inf
    for lag in range(-length // 2, length // 2 + 1):
        if abs(lag) < 2:
            continue
        left = _left(shape, lag)
        if left < least:
            found, least = lag, left
    # The longest that is tried may be any longer one.
    return found if least <= allowed and abs(found) < length // 2 else 0


@part
def _left(shape: Shape, lag: int) -> float:
    """Mean square in scales of the noise that is left when the forecast comes ``lag`` steps later; infinite where it
    is known for too few samples."""
    length, used, left = len(shape.noise), 0, 0.0
    for k in shape.at:
        if 0 <= k - lag < length and not np.isnan(shape.forecast[k - lag]):
            off = (shape.deviation[k] + shape.forecast[k] - shape.forecast[k - lag]) / shape.noise[k]
            off = min(abs(off), _LARGEST)
            left += off * off
            used += 1
    return left / used if used >= 8 and 2 * used >= len(shape.z) else np.inf
