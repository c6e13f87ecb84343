"""The judge's arithmetic, series by series and sample by sample: what the newest errors say of the next one, how large
an error is usual at this time of day, and how rare one like this is.

* The next error is predicted from the last ones by recursive least squares with forgetting (Haykin 2002, *Adaptive
  Filter Theory*, ch. 9), beginning as a random walk that leans on the level. What it learns from is cut off at `_CLIP`
  scales.
* The band's edges follow the share of samples outside (Gibbs and Candès 2021, *Adaptive conformal inference under
  distribution shift*), in logarithms, so that a distance stays a distance.
* How strange a sample is: the mean logarithm of three views of it, one of them its distance from the most like it that
  was before (the left matrix profile; Yeh and others 2016).
* What of that is usual is charged: from what the hours of the day reach, on either side, above a level that a few a day
  exceed (peaks over threshold; Coles 2001, ch. 4), cut off so that incidents do not count, and weighed with a prior.
* What lasts at the same hour of each day is charged there, too, for it is flagged and never learned.
* Each flag puts the next one of the series further away, and time brings it back (a leaky bucket): a budget.

All kernels are in this file, for Numba does not see that a kernel has changed which another file's calls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentio.compiled import kernel, part
from sentio.judgement.runs import NEVER
from sentio.judgement.track import BINS, CLASSES, HOURS, LAGS, QUANTILES, RING, Track
from sentio.types import SECOND, Bools, Floats, Ints

BINS_NS = 86_400 * SECOND // BINS
_DAY = 86_400.0 * SECOND
_CLIP = 3.0
"""Scales at which an error is cut off before anything is learned from it."""
_LARGE = 4.0
"""Scales beyond which a deviation that lasts is a shift."""
_MEMORY_DAYS = 5.0
"""Of the near-term correction."""
_TAIL_DAYS = 60.0
"""Of what the hours reach."""
_MEAN_TO_SCALE = 1.25
"""Of a normal distribution: the standard deviation over the mean size."""
_SHIFT = 0.5
"""What is added to a size before its logarithm is taken, in scales: below it, differences say nothing."""
_LEAST = float(np.log(_SHIFT))
"""The strangeness of what nobody wants to be told of."""
_MOST_OF_ONE = 25.0
"""Scales: no view may outvote the two others."""
_LIKE = 6
"""Samples in a row that are looked for in the past."""
_CLASS = 0.125
"""Width of a class of strangeness."""
_A_DAY = 1.5
"""Hours a day that reach what is usual, on either side."""
_PRIOR_USUAL, _PRIOR_EXCESS = 1.0, 0.35
"""Of a quiet series: what is usual, and by how much that is exceeded on average;"""
_PRIOR_DAYS, _PRIOR_PEAKS = 2.0, 5.0
"""and what they are worth."""
_CUT = 2.0
"""An excess counts as so many times the mean at most: incidents are no part of the tail."""
_PRIOR_TAIL, _LEAST_TAIL = 0.1, 0.01
"""By how much single samples beyond the highest quantile exceed it on average: of Gaussian noise, and at least."""
_TAIL_CUT, _TAIL_RATE = 4.0, 0.02
"""Of that mean, too, an excess counts as so many times the mean at most, and as this part of it in the long run."""
_RARE = 1 - QUANTILES[2]
"""Share of samples that are strange beyond all quantiles that are followed."""
_CHARGED, _FREE = 0.75, 0.7
"""The part that is charged of what is usual beyond what is free: what is strange every day is less so."""
_LEAST_EXCESS, _BEND = 0.2, 0.3
"""How a heavy tail is charged: its mean excess, to this power."""
_STRANGE, A_DECADE = 0.25, 0.35
"""What comes once a week on series at large, beyond what is charged; and by how much less for ten times as often."""
_FADES, _SHARP = 0.7, 10.0
"""Two decades below the flag the score has fallen to 1/e; above it, how soon it grows as the strangeness does."""
_APART = 3600.0 * SECOND
"""Excesses nearer than that are of one cluster."""
_YOUNG = 2.0
"""Days of a series until which a model does not know the day, so that yesterday is asked, too."""
_FIRST, _FORETOLD = 1.0, 0.7
"""Days of a series of which the samples foretell what hours reach; and by how much of what they would if none was like
its neighbours."""
_LASTS, _LEAST_LASTING = 1800.0 * SECOND, 2.0
"""What is far off to one side for so long, and for so many samples, may be what comes at this hour each day."""
_ALIKE, _LESS_ALIKE = 2.0, 0.9
"""What is this many times as far off is another thing; and what is left of that size on each further day."""
_GROWS, _WANES = 0.6, 0.45
"""By how much a habit grows with a day on which it came, and fades with one on which it did not."""
_EXACT = 64.0
"""Parts of 1 in which habits are kept: small numbers, of which there are many."""
_GAIN, _LEAST_DUE = 0.2, -0.4
"""By how much a flag puts the next one further away, to where it is a fourth as frequent. Two are owed to a series that
is quiet, and no more."""
_MOST_DUE = 0.5
"""Nor is a series silenced: this part of what is usual beyond what is free is put on top at most; with what is charged
anyway that is a little more than all of it."""
_LASTING = 0.5
"""With each further sample of its episode a flag is by so much less likely a chance."""
_HELD, _STILL_FAR = 4, 3.0
"""So few samples after a flag one that is still so many scales off, to the same side, is flagged, too."""
_EDGE_GAIN, _OUTLIERS = 0.2, 2.0
"""By how much a sample outside the band moves its edge: hourly series have few. What is anomalous and lasts for more
samples is no tail of what is usual."""
_MOVES = 1e3
"""Scales in one step: a series that moves so far has stood still before."""
_FOLLOWED = 0.5
"""The part of the way to a new model that the level goes at once, and in scales the most of it."""
_LEAST_SHIFT = 12.0
"""Samples for which a shift must last, whatever is known of where it leads to."""
_SOUND = 30.0
"""Samples until which nothing is judged."""
_MOST = 1e6


class Terms(NamedTuple):
    """What is asked for. Times in ns."""

    budget: float
    """Flags a day of one series that are all right."""
    outside: float
    """Share of samples that may lie outside the band."""
    accept_after: float
    """How long a shift must last to be the new normal."""
    above: bool
    """Whether what is larger than expected may be anomalous;"""
    below: bool
    """and what is smaller."""
    units: float
    """What is nearer than that to what is expected is not anomalous;"""
    part: float
    """nor what is nearer by this part of it."""
    resolution: float
    """The smallest step that the data can take; no scale is smaller."""


class Verdict(NamedTuple):
    """Of ``S`` series at ``m`` times, each ``[S, m]``; NaN where there is no model, or no sample to judge."""

    expected: Floats
    """Units, with the near-term correction."""
    lower: Floats
    upper: Floats
    score: Floats
    pvalue: Floats
    base: Floats
    """Units: what is expected without the near-term correction; it does not follow a shift."""
    scale: Floats
    """Units: the usual size of a deviation from ``base``."""
    coverage: Floats
    skill: Floats
    bias: Floats
    fallback: Floats
    widening: Floats
    """Of the model's own band."""


@kernel
def run(
    times: Ints, step: int, values: Floats, yhat: Floats, half: Floats, before: Floats, left_out: Bools,
    terms: Terms, track: Track, out: Verdict,
) -> None:  # fmt: skip
    """Judge ``values [S, m]`` at ``times [m]``, ``step`` ns apart, and remember them in ``track``.

    ``yhat``, ``half`` ``[S, m]``: the model's forecast, and the distance of its 99 % band. ``before [S]``: what the
    model expects of `Track.at`; NaN where it is the same model as then. ``left_out [S, m]``: not to be judged.
    """
    for s in range(len(values)):
        if track.step[s] != step:
            _restart(track, s, step)
        if np.isfinite(before[s]) and track.seen[s] > 0:
            _reanchor(track, s, track.expected[s] - before[s])
            track.expected[s] = before[s]
        for j in range(len(times)):
            model = yhat[s, j]
            if not np.isfinite(model):
                continue
            _sample(track, s, j, times[j], step, values[s, j], model, half[s, j], left_out[s, j], terms, out)


@part
def _restart(track: Track, s: int, step: int) -> None:
    """Another distance between samples: what is known of one step ahead is of no use."""
    if track.step[s] > 0:
        # Errors one step ahead can hardly be larger on a finer grid; they are soon known.
        track.weights[s] = 0.0
        track.weights[s, 3] = 0.2
        track.precision[s] = np.eye(LAGS)
        track.novelty[s] = 0.0
        track.reached[s], track.lasting[s] = 0.0, 0
        # The scales are good ones; the rest begins anew.
        track.seen[s] = min(track.seen[s], _SOUND)
    track.step[s] = step


@part
def _reanchor(track: Track, s: int, change: float) -> None:
    """Another model expects ``change`` less: what the last values were off by is so much more.

    Where nothing is flagged the level follows in part whichever of the two models is nearer to the last hour: a drift
    that the new one knows of is no deviation, and an incident that it has learned from must not be normal at once.
    """
    track.errors[s] += change
    track.hour[s] += change
    track.former[s] += change
    before, stays = track.level[s], track.level[s] + change
    if track.quiet[s] > 0:
        off = track.hour[s] - track.profile[s, int(track.at[s] // BINS_NS) % BINS]
        near = min(max(off, min(before, stays)), max(before, stays))
        most = _FOLLOWED * _MEAN_TO_SCALE * track.far[s]
        stays += min(max(_FOLLOWED * (near - stays), -most), most)
    track.level[s] = stays


class Ahead(NamedTuple):
    """What is known of a sample before it is looked at; all but ``day`` and ``x`` in units."""

    day: int
    """Which part of the day it is."""
    model: float
    half: float
    sigma: float
    """The standard deviation that the model says."""
    naive: float
    """What came at this time a day before; NaN where nothing did."""
    base: float
    """The error that lasts, at this time of day."""
    near_scale: float
    """The usual size of an error after the near-term correction;"""
    far_scale: float
    """and after ``base`` alone."""
    x: Floats
    """``[LAGS]`` what the near-term correction comes from."""
    correction: float
    expected: float


@part
def _sample(
    track: Track, s: int, j: int, t: int, step: int, value: float, model: float, half: float, left_out: bool,
    terms: Terms, out: Verdict,
) -> None:  # fmt: skip
    ahead = _look_ahead(track, s, t, step, model, half, terms)
    _foretell(track, s, j, ahead, out)
    if not left_out and np.isfinite(value):
        _judge(track, s, j, t, step, value, ahead, terms, out)


@part
def _look_ahead(track: Track, s: int, t: int, step: int, model: float, half: float, terms: Terms) -> Ahead:
    day = int(t // BINS_NS) % BINS
    sigma = max(half / 2.5758, 1e-12 * (1 + abs(model)), 0.3 * terms.resolution)
    if track.seen[s] == 0:
        _begin(track, s, sigma)
    _turn_day(track, s, t)
    naive = float(track.yesterday[s, day])
    if track.at[s] != NEVER and t - track.at[s] > max(_APART, 3.5 * step):
        # After a gap the last errors say nothing of the next one.
        track.errors[s] = track.level[s]
        track.hour[s] = track.level[s]
        track.lasting[s] = 0
    base = track.level[s] + track.profile[s, day]
    near_scale = _scale(track.near[s], track.near_of_day[s, day], track.days[s, day], sigma, terms.resolution)
    far_scale = _scale(track.far[s], track.far_of_day[s, day], track.days[s, day], sigma, terms.resolution)
    x, correction = _correction(track, s, base, sigma, far_scale)
    expected = naive if track.naive[s, 1] > 0 and np.isfinite(naive) else model + correction
    return Ahead(day, model, half, sigma, naive, base, near_scale, far_scale, x, correction, expected)


@part
def _correction(track: Track, s: int, base: float, sigma: float, scale: float) -> tuple[Floats, float]:
    """What the last errors say of the next one, and what that comes from."""
    x = np.empty(LAGS)
    last = _bounded(track.errors[s, 0], base, scale)
    second = _bounded(track.errors[s, 1], base, scale)
    third = _bounded(track.errors[s, 2], base, scale)
    x[0] = (second - last) / sigma
    x[1] = (third - second) / sigma
    x[2] = (_bounded(track.hour[s], base, scale) - last) / sigma
    x[3] = (base - last) / sigma
    correction = last
    for a in range(LAGS):
        correction += track.weights[s, a] * x[a] * sigma
    return x, _bounded(correction, base, scale)


@part
def _foretell(track: Track, s: int, j: int, ahead: Ahead, out: Verdict) -> None:
    """What is said of a sample whether or not it comes."""
    stands_in = track.naive[s, 1] > 0 and np.isfinite(ahead.naive)
    out.expected[s, j] = ahead.expected
    # What came a day before has what the model is off by already.
    out.base[s, j] = ahead.naive if stands_in else ahead.model + ahead.base
    out.scale[s, j] = ahead.far_scale
    out.lower[s, j] = ahead.expected - ahead.near_scale * np.exp(track.edges[s, 0])
    out.upper[s, j] = ahead.expected + ahead.near_scale * np.exp(track.edges[s, 1])
    out.widening[s, j] = np.exp(track.reach[s])
    out.fallback[s, j] = track.naive[s, 1]
    if track.seen[s] > 0:
        _figures(track, s, j, out)


@part
def _judge(
    track: Track, s: int, j: int, t: int, step: int, value: float, ahead: Ahead, terms: Terms, out: Verdict
) -> None:
    error = value - ahead.model
    z_near = (value - ahead.expected) / ahead.near_scale
    z_far = (error - ahead.base) / ahead.far_scale
    if track.age[s] < _YOUNG * _DAY:
        off = _off_yesterday(track, s, ahead.day, value)
        z_near = _nearer(z_near, off / ahead.near_scale)
        z_far = _nearer(z_far, off / ahead.far_scale)
    distance, z_new = _novel(track, s, value, ahead.sigma)
    small = _small(value - ahead.expected, value - out.base[s, j], ahead.expected, terms)
    strange = _LEAST if small else _strangeness(z_near, z_far, z_new, terms)
    side = 0 if z_far > 0 else 1
    _turn_hour(track, s, t, step)
    flagged = False
    if track.seen[s] >= _SOUND:
        out.score[s, j] = _scored(track, s, step, side, strange, z_far, abs(error - ahead.base), terms)
        out.pvalue[s, j] = _pvalue(track, s, strange)
        flagged = out.score[s, j] > 1
    inside = out.lower[s, j] <= value <= out.upper[s, j]
    _learn_figures(track, s, step, value, ahead, inside)
    _learn_bands(track, s, step, value, ahead, flagged, terms)
    _learn_rarity(track, s, step, side, strange, distance, flagged)
    _learn_hour(track, s, step, strange, z_far, abs(error - ahead.base))
    _follow_shift(track, s, step, error - ahead.base, abs(error - track.errors[s, 0]), ahead.far_scale, terms)
    if not flagged:
        # What is anomalous says nothing of what is usual; if it lasts, it is the new normal all the same.
        _learn_errors(track, s, step, error, ahead, terms)
        track.today[s, 0] += np.float32(value)
        track.today[s, 1] += np.float32(1)
    _move_on(track, s, t, step, error, ahead.model)


@part
def _off_yesterday(track: Track, s: int, day: int, value: float) -> float:
    """Units by which ``value`` is out of what came at this time of the day before, or next to it; infinity where
    nothing did."""
    low, high = np.inf, -np.inf
    for mean in (track.replaced[s], track.yesterday[s, day], track.yesterday[s, (day + 1) % BINS]):
        if np.isfinite(mean):
            low, high = min(low, mean), max(high, mean)
    return float(max(low - value, value - high, 0.0))


@part
def _nearer(z: float, distance: float) -> float:
    """``z``, but no further off than ``distance``."""
    return float(min(max(z, -distance), distance))


@part
def _move_on(track: Track, s: int, t: int, step: int, error: float, model: float) -> None:
    track.hour[s] += (error - track.hour[s]) / max(3.0, _APART / step)
    track.errors[s, 2] = track.errors[s, 1]
    track.errors[s, 1] = track.errors[s, 0]
    track.errors[s, 0] = error
    track.at[s] = t
    track.expected[s] = model
    track.seen[s] += 1
    track.age[s] += step


@part
def _begin(track: Track, s: int, sigma: float) -> None:
    """Before anything is known, errors are taken to be as large as the model says."""
    track.near[s] = 0.5 * sigma
    track.far[s] = 0.8 * sigma


@part
def _turn_day(track: Track, s: int, t: int) -> None:
    """Where another part of the day has begun, keep the mean of the last one for tomorrow."""
    part = t // BINS_NS
    if part == track.part[s]:
        return
    track.replaced[s] = track.yesterday[s, (part - 1) % BINS]
    if track.today[s, 1] > 0:
        track.yesterday[s, track.part[s] % BINS] = track.today[s, 0] / track.today[s, 1]
    track.today[s] = 0
    track.part[s] = part


@part
def _scale(size: float, of_day: float, days: float, sigma: float, resolution: float) -> float:
    """The usual size of an error, and by so much more or less as this time of day has."""
    if days > 3:
        weight = min(1.0, days / 30.0)
        size *= 1 - weight + weight * min(max(of_day, 0.5), 3.0)
    return float(max(_MEAN_TO_SCALE * size, 0.15 * sigma, 0.3 * resolution))


@part
def _bounded(error: float, base: float, scale: float) -> float:
    """An incident must not quickly become what is expected: as if the error were not beyond `_LARGE` scales."""
    return base + min(max(error - base, -_LARGE * scale), _LARGE * scale)


@part
def _novel(track: Track, s: int, value: float, sigma: float) -> tuple[float, float]:
    """How far the newest samples are from the most like them before, in units and in usual distances; -1 and 1 while
    there are too few. The sample is put into the ring."""
    n = int(track.seen[s])
    ring, place = track.ring[s], n % RING
    if n == 0:
        track.origin[s] = value
    ring[place] = value - track.origin[s]
    if n < _LIKE + 8:
        return -1.0, 1.0
    distance = _nearest(ring, place, min(n + 1, RING)) + 0.2 * sigma
    if not np.isfinite(distance):
        # Farther than can be told, and no measure of what is usual.
        return -1.0, _MOST_OF_ONE
    if track.novelty[s, 1] < 5:
        return distance, 1.0
    return distance, distance / (_MEAN_TO_SCALE * track.novelty[s, 0])


@part
def _nearest(ring: Floats, place: int, filled: int) -> float:
    """Distance of the `_LIKE` samples up to ``place`` from those most like them among the ``filled`` ones."""
    # The newest first, and all windows at once: loops without a branch, of which the processor does several at a time.
    newest, total = np.empty(RING, np.float32), np.zeros(RING)
    for i in range(min(place + 1, filled)):
        newest[i] = ring[place - i]
    for i in range(place + 1, filled):
        newest[i] = ring[place - i + RING]
    for k in range(_LIKE):
        one = newest[k]
        for back in range(2, filled - _LIKE):
            off = one - newest[back + k]
            total[back] += off * off
    best = np.inf
    for back in range(2, filled - _LIKE):
        best = min(best, total[back])
    return float(np.sqrt(best))


@part
def _small(near: float, far: float, expected: float, terms: Terms) -> bool:
    """Whether the deviation is smaller than what anybody wants to be told of. What the near-term correction has
    followed is as ``far`` off as it was: a shift does not become smaller by lasting."""
    return bool(max(abs(near), abs(far)) < max(terms.units, terms.part * abs(expected)))


@part
def _strangeness(z_near: float, z_far: float, z_new: float, terms: Terms) -> float:
    """Mean logarithm of three views; a sample on a side that is not asked for is as if it was expected."""
    if not (terms.above if z_far > 0 else terms.below):
        return _LEAST
    total = 0.0
    for z in (z_near, z_far, z_new):
        total += np.log(min(abs(z), _MOST_OF_ONE) + _SHIFT)
    return total / 3


@part
def _bend(track: Track, s: int, side: int) -> float:
    """By how much more must be seen of a heavy tail."""
    return float((max(track.excess[s, side], _LEAST_EXCESS) / _PRIOR_EXCESS) ** _BEND)


@part
def _usual(track: Track, s: int, step: int, side: int) -> float:
    """What a few hours a day reach. On the first day, of which hours are too few to know that by, it may be more: what
    as many samples a day reach, by the exponential of `_pvalue`."""
    usual, samples = track.usual[s, side], _RARE * _DAY / step / _A_DAY
    if track.age[s] < _FIRST * _DAY and samples > 1:
        usual = max(usual, track.quantiles[s, 2] + _FORETOLD * track.tail[s] * np.log(samples))
    return float(usual)


@part
def _worth(track: Track, s: int, step: int, side: int, strange: float, off: float) -> float:
    """How strange the sample is on any series: beyond what is charged of what is usual on this one, or of what comes
    at this hour each day and is as far ``off``."""
    hour = track.hour_of[s] % HOURS
    habitual = step <= _APART and off <= _ALIKE * track.habit_size[s, hour]
    habit = track.habit[s, hour] / _EXACT if habitual else 0.0
    charged = max(_CHARGED * (_usual(track, s, step, side) - _FREE), habit - _FREE, 0.0)
    return float((strange - charged - 1) / _bend(track, s, side))


@part
def _asked(terms: Terms) -> float:
    """The worth that comes as often as the budget on series at large."""
    return float(_STRANGE - A_DECADE * np.log10(7 * terms.budget))


@part
def _due(track: Track, s: int, side: int) -> float:
    """By how much more is wanted of this series, for the flags that it has had."""
    most = _MOST_DUE * max(track.usual[s, side] - _FREE, 0.0) / _bend(track, s, side)
    return float(min(track.due[s], most))


@part
def _score(worth: float, asked: float, due: float) -> float:
    """Above 1 where a flag is to be raised, and there by the worth alone, so that it is the same on every series; what
    was only due, because the series is quiet, is just above 1. Below, 1 is where it would be raised."""
    if worth <= asked + due:
        return float(np.exp((worth - asked - due) / _FADES))
    over = _SHARP * (worth - asked)
    return float(1 + (max(over, 0.0) + np.log1p(np.exp(-abs(over)))) / _SHARP)


@part
def _scored(
    track: Track, s: int, step: int, side: int, strange: float, z_far: float, off: float, terms: Terms
) -> float:
    """The score, never above 1 of what nobody wants to be told of; what it costs is put into the bucket."""
    worth, asked, due = _worth(track, s, step, side, strange, off), _asked(terms), _due(track, s, side)
    score = _score(worth, asked, due)
    unwanted = strange <= _LEAST
    _spend(track, s, step, 0.0 if unwanted else worth - asked - due, terms)
    if unwanted:
        return min(score, 1.0)
    if track.quiet[s] < _HELD and z_far * track.shifted[s, 1] > 0 and abs(z_far) > _STILL_FAR:
        # What stays where an anomaly has brought it is no news to most views, and an anomaly still.
        score = max(score, 1.001)
    return float(min(score, _MOST))


@part
def _pvalue(track: Track, s: int, strange: float) -> float:
    """Share of samples at least as strange: between the quantiles by interpolation, beyond them by an exponential."""
    q = track.quantiles[s]
    if strange <= _LEAST:
        return 1.0
    if strange >= q[2]:
        return float(_RARE * np.exp(-(strange - q[2]) / track.tail[s]))
    if strange >= q[1]:
        return float(0.1 - 0.08 * (strange - q[1]) / max(q[2] - q[1], 1e-12))
    if strange >= q[0]:
        return float(0.5 - 0.4 * (strange - q[0]) / max(q[1] - q[0], 1e-12))
    return float(1 - 0.5 * (strange - _LEAST) / max(q[0] - _LEAST, 1e-12))


@part
def _turn_hour(track: Track, s: int, t: int, step: int) -> None:
    """Where another hour has begun, count what the last one has reached."""
    length = max(_APART, step)
    hour = int(t // length)
    if hour == track.hour_of[s]:
        return
    if track.hour_of[s] < 0:
        _begin_tail(track, s, length)
    else:
        keep = 1 - length / (_TAIL_DAYS * _DAY)
        track.watched[s] = track.watched[s] * keep + length / _DAY
        for side in range(2):
            track.peaks[s, side] *= np.float32(keep)
            at = min(max(int(track.peak[s, side] / _CLASS), 0), CLASSES - 1)
            track.peaks[s, side, at] += np.float32(1)
            _follow_tail(track, s, side)
        if length == _APART:
            _learn_habits(track, s, hour)
    track.hour_of[s] = hour
    track.peak[s] = -9.0


@part
def _learn_habits(track: Track, s: int, hour: int) -> None:
    """Now that an hour has ended, the one before it is known with both beside it: what comes each day does so a little
    earlier or later. Of hours without a sample there is nothing."""
    reached = track.reached[s]
    for ended in range(track.hour_of[s], min(hour, track.hour_of[s] + HOURS)):
        of_hour = (ended - 1) % HOURS
        lasted, most, size = 0.0, 0.0, 0.0
        for i in range(3):
            most = max(most, reached[i, 0])
            if reached[i, 1] > 0:
                lasted, size = max(lasted, reached[i, 0]), max(size, reached[i, 2])
        before = track.habit[s, of_hour] / _EXACT
        habit = _habit(before, lasted, most)
        kept = _LESS_ALIKE if habit < before or lasted > 0 else 1.0
        track.habit_size[s, of_hour] = np.float32(max(kept * track.habit_size[s, of_hour], size))
        track.habit[s, of_hour] = np.uint8(habit * _EXACT)
        reached[1:] = reached[:2].copy()
        reached[0] = 0.0


@part
def _habit(habit: float, lasted: float, most: float) -> float:
    """``habit`` after a day on which the hour has reached ``most``, and ``lasted`` in what was far off for long."""
    if lasted > habit:
        return min(lasted, habit + _GROWS)
    # It stays while the hour is strange at all: once its middle is expected its edges are not yet.
    return min(habit, max(most, habit - _WANES))


@part
def _begin_tail(track: Track, s: int, length: float) -> None:
    """As if a quiet series had been watched for `_PRIOR_DAYS`."""
    hours = _DAY / length
    for c in range(CLASSES):
        high = min(hours, _A_DAY * np.exp(-(c * _CLASS - _PRIOR_USUAL) / _PRIOR_EXCESS))
        low = min(hours, _A_DAY * np.exp(-((c + 1) * _CLASS - _PRIOR_USUAL) / _PRIOR_EXCESS))
        if c == 0:
            high = hours
        track.peaks[s, :, c] = np.float32(_PRIOR_DAYS * (high - low))
    track.watched[s] = _PRIOR_DAYS
    track.usual[s], track.excess[s] = _PRIOR_USUAL, _PRIOR_EXCESS


@part
def _follow_tail(track: Track, s: int, side: int) -> None:
    """What `_A_DAY` hours a day reach, and by how much they exceed it."""
    peaks = track.peaks[s, side]
    wanted, above, c = _A_DAY * track.watched[s], 0.0, CLASSES - 1
    while c > 0 and above + peaks[c] < wanted:
        above += peaks[c]
        c -= 1
    within = min(max(wanted - above, 0.0), peaks[c])
    usual = _CLASS * (c + 1) - _CLASS * min(1.0, within / max(peaks[c], 1e-12))
    number, most = within + above, _CUT * track.excess[s, side]
    total = within * min((_CLASS * (c + 1) - usual) / 2, most)
    for higher in range(c + 1, CLASSES):
        total += peaks[higher] * min(_CLASS * (higher + 0.5) - usual, most)
    track.usual[s, side] = usual
    # Of an exponential that is cut at `_CUT` means, what is left of the mean.
    mean = (total / (1 - np.exp(-_CUT)) + _PRIOR_EXCESS * _PRIOR_PEAKS) / (number + _PRIOR_PEAKS)
    track.excess[s, side] = max(0.05, mean)


@part
def _learn_rarity(track: Track, s: int, step: int, side: int, strange: float, distance: float, flagged: bool) -> None:
    n = track.seen[s] + 1
    if track.seen[s] == 0:
        track.quantiles[s] = strange
        track.spread[s], track.tail[s] = 0.3, _PRIOR_TAIL
    rate = max(1 / n, 1 / (7 * _DAY / step), 1e-4)
    track.spread[s] += max(rate, 1e-3) * (min(abs(strange - track.quantiles[s, 0]), 3.0) - track.spread[s])
    for i in range(2):
        p = QUANTILES[i]
        quick = 4 * track.spread[s] * max(min(0.5, 3 / n), rate)
        track.quantiles[s, i] += quick * (p if strange > track.quantiles[s, i] else p - 1)
    if n == _SOUND:
        # The first samples are judged by what the model says, and one of them may be anything.
        track.spread[s] = min(track.spread[s], 0.3)
        track.quantiles[s, 2] = min(track.quantiles[s, 2], max(track.quantiles[s, 1], _PRIOR_USUAL))
    if not flagged or track.quiet[s] > 0:
        # What is anomalous and lasts is no tail of what is usual; its first sample may be.
        _learn_tail(track, s, n, rate, strange)
    track.peak[s, side] = max(track.peak[s, side], strange)
    if distance >= 0:
        mean, count = track.novelty[s]
        least = distance if count < 5 else min(distance, 5 * _MEAN_TO_SCALE * mean)
        track.novelty[s, 1] = count + 1
        track.novelty[s, 0] = mean + max(1 / (count + 1), min(0.2, step / (7 * _DAY))) * (least - mean)
    track.quiet[s] = 0 if flagged else track.quiet[s] + 1


@part
def _learn_hour(track: Track, s: int, step: int, strange: float, z_far: float, off: float) -> None:
    """What this hour reaches, and whether something lasts in it."""
    count, sign = track.lasting[s], 1 if z_far > 0 else -1
    far = strange > _LEAST and abs(z_far) > _STILL_FAR
    track.lasting[s] = (max(count * sign, 0) + 1) * sign if far else 0
    track.reached[s, 0, 0] = max(track.reached[s, 0, 0], strange)
    track.reached[s, 0, 2] = max(track.reached[s, 0, 2], off)
    if abs(track.lasting[s]) >= max(_LEAST_LASTING, _LASTS / step):
        track.reached[s, 0, 1] = 1.0


@part
def _learn_tail(track: Track, s: int, n: float, rate: float, strange: float) -> None:
    """Where the highest of the quantiles is, and by how much it is exceeded on average."""
    over, tail = strange - track.quantiles[s, 2], track.tail[s]
    # The fewer samples are as strange as that, the further must each of them move the quantile.
    quick = max(4 * track.spread[s] * max(min(0.5, 3 / n), rate), tail / _RARE * min(rate, 0.003))
    track.quantiles[s, 2] += quick * (1 - _RARE if over > 0 else -_RARE)
    if over > 0 and strange > _LEAST:
        # Of an exponential that is cut at `_TAIL_CUT` means, what is left of the mean.
        whole = min(over, _TAIL_CUT * tail) / (1 - np.exp(-_TAIL_CUT))
        tail += max(1 / (_PRIOR_PEAKS + _RARE * n), _TAIL_RATE) * (whole - tail)
        track.tail[s] = max(tail, _LEAST_TAIL)


@part
def _spend(track: Track, s: int, step: int, over: float, terms: Terms) -> None:
    """Let the bucket leak, and put a flag into it where the sample is ``over`` the threshold (Turner 1986, *New
    directions in communications*): one for an episode, and less of it with each sample for which that lasts."""
    gain = _GAIN / max(terms.budget, 1.0)
    track.due[s] = max(track.due[s] - gain * terms.budget * step / _DAY, _LEAST_DUE)
    if over <= 0:
        return
    if track.quiet[s] + 1 > max(3.0, _APART / step):
        track.cost[s] = gain
        track.due[s] += track.cost[s]
    else:
        track.due[s] -= (1 - _LASTING) * track.cost[s]
        track.cost[s] *= _LASTING


@part
def _learn_bands(track: Track, s: int, step: int, value: float, ahead: Ahead, flagged: bool, terms: Terms) -> None:
    """Move each edge out where the sample is beyond it, and in where it is not."""
    n = track.seen[s]
    miss, scale = value - ahead.expected, ahead.near_scale
    over = abs(value - ahead.model) / max(ahead.half, 1e-300)
    low, high = miss < -scale * np.exp(track.edges[s, 0]), miss > scale * np.exp(track.edges[s, 1])
    track.beyond[s] = track.beyond[s] + 1 if low or high else 0
    if track.beyond[s] > (_OUTLIERS if flagged else max(10.0, 3 * _APART / step)):
        return
    gain = max(_EDGE_GAIN, min(0.5, 10 / (n + 1)))
    side = terms.outside / 2
    track.edges[s, 0] += gain * ((1.0 if low else 0.0) - side)
    track.edges[s, 1] += gain * ((1.0 if high else 0.0) - side)
    for i in range(2):
        track.edges[s, i] = min(max(track.edges[s, i], -1.0), 8.0)
    track.reach[s] += gain * ((1.0 if over > np.exp(track.reach[s]) else 0.0) - terms.outside)
    track.reach[s] = min(max(track.reach[s], -1.0), 4.0)


@part
def _learn_figures(track: Track, s: int, step: int, value: float, ahead: Ahead, inside: bool) -> None:
    rate = max(1 / (track.seen[s] + 1), min(0.1, step / _DAY))
    r = track.rolling[s]
    r[0] += rate * ((1.0 if inside else 0.0) - r[0])
    r[1] += rate * (value - ahead.expected - r[1])
    if not np.isfinite(ahead.naive):
        return
    r[2] += rate * (abs(value - ahead.model - track.level[s]) - r[2])
    r[3] += rate * (abs(value - ahead.naive) - r[3])
    losing = r[2] > 1.05 * r[3] if track.naive[s, 1] == 0 else r[3] > 0.95 * r[2]
    track.naive[s, 0] = track.naive[s, 0] + step if losing else 0.0
    if track.naive[s, 0] >= _DAY:
        track.naive[s, 1] = 1 - track.naive[s, 1]
        track.naive[s, 0] = 0.0


@part
def _figures(track: Track, s: int, j: int, out: Verdict) -> None:
    r = track.rolling[s]
    out.coverage[s, j] = r[0]
    out.bias[s, j] = r[1]
    if r[3] > 0:
        out.skill[s, j] = 1 - r[2] / r[3]


@part
def _learn_errors(track: Track, s: int, step: int, error: float, ahead: Ahead, terms: Terms) -> None:
    day, near_scale, far_scale = ahead.day, ahead.near_scale, ahead.far_scale
    n = track.seen[s]
    rate = max(1 / (n + 1), min(0.2, step / (7 * _DAY)))
    miss, off = error - ahead.correction, error - ahead.base
    near, far = min(abs(miss), _CLIP * near_scale), min(abs(off), _CLIP * far_scale)
    if n > 0:
        track.near[s] += rate * (near - track.near[s])
        track.far[s] += rate * (far - track.far[s])
    track.days[s, day] += np.float32(1)
    a_week = min(0.2, step / (7 * BINS_NS)) if step < BINS_NS else 1 / 14
    rate = max(1 / track.days[s, day], a_week)
    of_near, of_far = near / max(track.near[s], 1e-300), far / max(track.far[s], 1e-300)
    track.near_of_day[s, day] += np.float32(rate * (min(of_near, 20.0) - track.near_of_day[s, day]))
    track.far_of_day[s, day] += np.float32(rate * (min(of_far, 20.0) - track.far_of_day[s, day]))
    cut = min(max(off, -_CLIP * far_scale), _CLIP * far_scale)
    if track.days[s, day] > 2:
        track.profile[s, day] += np.float32(0.5 * min(rate, 0.1) * cut)
    slow = max(step / terms.accept_after, 0.0)
    track.level[s] += min(slow, 1.0) * cut
    _learn_weights(track, s, step, min(max(miss, -_CLIP * near_scale), _CLIP * near_scale) / ahead.sigma, ahead.x)


@part
def _follow_shift(track: Track, s: int, step: int, off: float, moved: float, scale: float, terms: Terms) -> None:
    """What has been far from what was expected for long enough is the new normal: where it is, and how it scatters."""
    shifted, far = track.shifted[s], 0.5 * _LARGE * scale
    track.held[s, 0] += step
    track.moving[s] = track.moving[s] + 1 if moved > _MOVES * scale else 0
    if abs(off) <= far:
        shifted[0] = max(0.0, shifted[0] - 10 * step)
        if shifted[0] == 0:
            shifted[1] = 0.0
        return
    shifted[0] += step
    shifted[1] += (off - shifted[1]) * max(step / shifted[0], 0.02)
    if _back(track, s, step, far):
        _shift(track, s, track.held[s, 1])
    # What had stood still and is in motion now has no past that it could be judged by.
    elif shifted[0] >= _lasting(track, s, step, terms) or track.moving[s] >= _SOUND:
        track.near[s] = max(abs(off - shifted[1]), scale)
        track.far[s] = track.near[s]
        track.days[s] = 0
        track.profile[s] = 0
        # All else is learned anew from here, and quickly: what is usual of it, too, for that was another series.
        track.seen[s] = 1
        track.novelty[s] = 0.0
        track.hour_of[s] = -1
        track.habit[s], track.habit_size[s], track.reached[s], track.lasting[s] = 0, 0.0, 0.0, 0
        _shift(track, s, 0.0)
        track.moving[s] = 0


@part
def _lasting(track: Track, s: int, step: int, terms: Terms) -> float:
    """How long the shift must last: in a young series, as long as what was normal before it is known."""
    before = track.held[s, 0] - track.shifted[s, 0]
    return float(min(max(before, _soon(step)), terms.accept_after))


@part
def _back(track: Track, s: int, step: int, far: float) -> bool:
    """Whether the shift is one back to where the series was for longer than it has been here.

    Another way round, what failed for days, was mended and fails again would soon be normal.
    """
    home = abs(track.level[s] + track.shifted[s, 1] - track.former[s]) < far
    return bool(home and track.shifted[s, 0] >= _soon(step) and track.held[s, 1] > track.held[s, 0])


@part
def _soon(step: int) -> float:
    """The least time that any shift must last."""
    return max(_APART, _LEAST_SHIFT * step)


@part
def _shift(track: Track, s: int, known: float) -> None:
    """Take the shift as what is normal, which has been seen for ``known`` ns before."""
    shifted = track.shifted[s]
    track.former[s] = track.level[s]
    track.held[s, 1] = track.held[s, 0] - shifted[0]
    track.held[s, 0] = shifted[0] + known
    track.level[s] += shifted[1]
    shifted[0], shifted[1] = 0.0, 0.0


@part
def _learn_weights(track: Track, s: int, step: int, miss: float, x: Floats) -> None:
    keep = 1 - 1 / max(60.0, _MEMORY_DAYS * _DAY / step)
    p = track.precision[s]
    gain = _times(p, x)
    norm = keep
    for a in range(LAGS):
        norm += x[a] * gain[a]
    trace = 0.0
    for a in range(LAGS):
        track.weights[s, a] += gain[a] / norm * miss
        for b in range(LAGS):
            p[a, b] = (p[a, b] - gain[a] * gain[b] / norm) / keep
        trace += p[a, a]
    if trace > 1e3:
        p *= 1e3 / trace


@part
def _times(p: Floats, x: Floats) -> Floats:
    out = np.zeros(LAGS)
    for a in range(LAGS):
        for b in range(LAGS):
            out[a] += p[a, b] * x[b]
    return out
