"""Values that stand still or stay far off, samples that fail to arrive, and zeros: each against the series' own past.

A run is abnormal that is longer than those before it have made plausible (`bounds`). A series may rest: where it stood
still for too long again and again, or once in a history that has had no second night, it may for twice as long as ever.
A gap in the samples is a run, too: of steps up to the next arrival; and so are values that are far off to one side,
however far: among spikes that come every hour one more is nothing, and ten of them in a row are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from sentio.compiled import kernel, part
from sentio.judgement.bounds import FORGIVEN, LEAST_EQUAL, LEAST_MISSING, WITHIN, plausible, record
from sentio.judgement.evidence import NEVER, RUNS, Evidence, Runs
from sentio.types import Array, Bools, Floats, Ints

_RESTS, _REST_KEPT = 2.0, 0.98
"""Where a series rests it may do so for this many times the longest rest, of which this part is left at each further
one."""
_LEAST_REST = 12
"""Equal samples in a row that are a rest, too, while no bound is known."""
_BY_CHANCE = float(np.log(1e8))
"""In a coarse history it is one that is rarer than this by chance, given how often neighbours are equal."""
_SAME = 1e-9
"""Values that differ by less, in noise scales, are equal."""
_ROUNDING = 1e-15
"""And so are those that rounding alone could have made different, as a part of their size."""
_OFF = 8.0
"""In noise scales: what is further off is told from what is not by its length, too."""
_NIL, _FAR = 0.01, 5.0
"""In noise scales: what counts as zero, and how far from it the expected value must be."""
_RARE = 50.0
"""Zero is abnormal where fewer than one value in so many was zero."""
_ZEROS = 4000.0
"""Samples by which the share of zeros is known."""


def glance(
    memory: Mapping[str, Array], times: Ints, every: int, values: Floats, expected: Floats, scale: Floats,
    left_out: Bools, young: Bools,
) -> dict[str, Array]:  # fmt: skip
    """The memory after a history ``values [S, m]`` at ``times [m]`` ns, ``every`` steps apart: it is no evidence. It is
    given in one go, for what of it is a rest is known by how often it repeats.

    ``expected [S, m]`` in units, ``scale [S, m]`` the noise in units; NaN in either makes equality exact. What is
    ``left_out [S, m]`` is as if nothing had been read. ``young [S]``: what was seen for so short that a single rest may
    come each night. The memory that is given stays as it is.
    """
    kept = np.array(memory[RUNS])
    value, forecast, noise = (np.ascontiguousarray(a, np.float64) for a in (values, expected, scale))
    _glance(times, every, value, forecast, noise, left_out, young, _least(value), cast(Runs, kept))
    return {RUNS: kept}


def _least(values: Floats) -> Floats:
    """``[S]`` samples of ``values [S, m]`` that are a rest at least: among few whole numbers many in a row are equal by
    chance."""
    same = (np.diff(values, axis=1) == 0).sum(axis=1)
    share = (same + 1) / (np.isfinite(values).sum(axis=1) + 2)
    return np.asarray(np.maximum(_LEAST_REST, _BY_CHANCE / -np.log(share)))


@part
def take(
    runs: Runs, s: int, t: int, step: int, value: float, expected: float, scale: float, young: bool
) -> tuple[float, float, float, float]:
    """Take the sample of series ``s`` at ``t`` ns, or that there is none (NaN): what `Evidence` calls ``stuck``,
    ``absent``, ``zeroed`` and ``lasting``.

    Times ``step`` apart are later than any before; steps that are left out, as while nothing was read, are not taken
    for missing samples. ``expected`` in units, ``scale`` the noise in units; NaN in either makes ``zeroed`` and
    ``lasting`` 0 and equality exact. ``young``: what was seen for so short that a single rest may come each night.
    """
    stuck, absent, zeroed, lasting = 0.0, 0.0, 0.0, 0.0
    horizon = WITHIN / step
    if runs.seen[s] != NEVER and t - runs.seen[s] > step:
        runs.gap[s], runs.far[s] = 0, 0
    runs.seen[s] = t
    if np.isfinite(value):
        if runs.gap[s] > LEAST_MISSING:
            runs.far[s] = 0
        _arrive(runs, s, t, value, scale, horizon, young)
        lasting = _last(runs, s, value - expected, scale, horizon)
        zeroed = _zero(runs, s, value, expected, scale)
        if runs.equal[s] >= 3:
            bound = max(LEAST_EQUAL, plausible(runs.equal_lengths[s], runs.equal_longest[s], horizon))
            if _rests(runs, s, value):
                bound = max(bound, _RESTS * runs.rest_longest[s])
            stuck = runs.equal[s] / bound
    elif not np.isnan(runs.last[s]):
        if runs.gap[s] == 0:
            runs.gap_from[s] = t
        runs.gap[s] += 1
        bound = max(LEAST_MISSING, plausible(runs.gap_lengths[s], runs.gap_longest[s], horizon) - 1)
        absent = runs.gap[s] / bound
    return stuck, absent, zeroed, lasting


@part
def describe(runs: Runs, s: int, j: int, out: Evidence) -> None:
    """The runs that are under way, and how long they usually are at most."""
    out.equal[s, j], out.equal_from[s, j] = runs.equal[s], runs.equal_from[s]
    out.equal_usual[s, j] = int(max(1.0, runs.equal_longest[s, 1]))
    out.gap[s, j], out.gap_from[s, j] = runs.gap[s], runs.gap_from[s]
    out.gap_usual[s, j] = int(max(0.0, runs.gap_longest[s, 1] - 1))


@kernel
def _glance(
    times: Ints, every: int, values: Floats, expected: Floats, scale: Floats, left_out: Bools, young: Bools,
    least: Floats, runs: Runs,
) -> None:  # fmt: skip
    """Take a coarse history. Of what lies between two samples nothing is known, so nothing is learned of short runs;
    but of those in which a series rests, and of how many values are zero."""
    for s in range(len(values)):
        for j in range(len(times)):
            value, before = values[s, j], runs.last[s]
            if left_out[s, j] or not np.isfinite(value):
                continue
            runs.seen[s], runs.last[s] = times[j], value
            if _equal(value, before, scale[s, j]):
                runs.equal[s] += every
            else:
                if runs.equal[s] >= least[s] * every:
                    _rest(runs, s, before, young[s])
                runs.equal[s], runs.equal_from[s] = 1, times[j]
            _zero(runs, s, value, expected[s, j], scale[s, j])


@part
def _equal(value: float, before: float, scale: float) -> bool:
    """Whether the two are one value; a NaN is none."""
    # A comparison with NaN is false, so that without a scale rounding alone is allowed for.
    tolerance = _ROUNDING * max(abs(value), abs(before))
    if _SAME * scale > tolerance:
        tolerance = _SAME * scale
    return bool(abs(value - before) <= tolerance)


@part
def _arrive(runs: Runs, s: int, t: int, value: float, scale: float, horizon: float, young: bool) -> None:
    """Go on with the run of equal values, or end it; the gap before the sample has ended."""
    before = runs.last[s]
    runs.last[s] = value
    if np.isnan(before):
        runs.equal[s], runs.equal_from[s] = 1, t
        return
    record(runs.gap_lengths[s], runs.gap_longest[s], runs.gap[s] + 1, horizon, runs.odd[s, 1:])
    runs.gap[s] = 0
    if _equal(value, before, scale):
        runs.equal[s] += 1
        return
    _end(runs, s, before, young, horizon)
    runs.equal[s], runs.equal_from[s] = 1, t


@part
def _rests(runs: Runs, s: int, value: float) -> bool:
    """Whether ``value`` is where the series rests: it stood still there for too long, again and again."""
    return bool(runs.rests[s] >= FORGIVEN and abs(value - runs.rest[s]) <= _ROUNDING * abs(value))


@part
def _end(runs: Runs, s: int, value: float, young: bool, horizon: float) -> None:
    """The run of equal values has ended; those where the series rests are apart, so that to stand still elsewhere is
    found as soon as ever."""
    length, lengths, longest = runs.equal[s], runs.equal_lengths[s], runs.equal_longest[s]
    # The bound is only worked out for what may be beyond it: most runs are of one sample.
    bound = plausible(lengths, longest, horizon) if length > LEAST_EQUAL else np.inf
    if length > bound or (np.isinf(bound) and length >= _LEAST_REST):
        _rest(runs, s, value, young)
        if _rests(runs, s, value):
            return
    record(lengths, longest, length, horizon, runs.odd[s, :1])


@part
def _rest(runs: Runs, s: int, value: float, young: bool) -> None:
    """The series has stood still at ``value`` for longer than is plausible. In a ``young`` one, which has had no second
    night, a single time is enough."""
    same = abs(value - runs.rest[s]) <= _ROUNDING * abs(value)
    if same:
        runs.rests[s] = min(runs.rests[s] + 1, 2 * FORGIVEN)
    elif runs.rests[s] > 1:
        runs.rests[s] -= 1
    else:
        runs.rest[s], runs.rests[s], runs.rest_longest[s], same = value, 1, 0.0, True
    if same:
        if young:
            runs.rests[s] = max(runs.rests[s], FORGIVEN)
        runs.rest_longest[s] = max(runs.equal[s], _REST_KEPT * runs.rest_longest[s])


@part
def _last(runs: Runs, s: int, off: float, scale: float, horizon: float) -> float:
    """Go on with the run of values that are far ``off`` to one side, or end it: how abnormal its length is."""
    if not (np.isfinite(off) and scale > 0):
        return 0.0
    side = 0
    if abs(off) > _OFF * scale:
        side = 1 if off > 0 else -1
    far = runs.far[s]
    if side == 0 or side * far < 0:
        record(runs.far_lengths[s], runs.far_longest[s], abs(far) + 1, horizon, runs.odd[s, 2:])
        far = 0
    runs.far[s] = far + side
    length = abs(runs.far[s])
    if length < 3:
        return 0.0
    return float(length / max(LEAST_EQUAL, plausible(runs.far_lengths[s], runs.far_longest[s], horizon) - 1))


@part
def _zero(runs: Runs, s: int, value: float, expected: float, scale: float) -> float:
    """How abnormal ``value`` is as a zero; the share of zeros is learned from runs of them that have ended."""
    if not (value == 0 or abs(value) <= _NIL * scale):
        if runs.zero_run[s] > 0:
            # An abnormal run counts as one zero, else an outage would make the next one normal.
            known = 1 if runs.zero_odd[s] else min(runs.zero_run[s], int(_ZEROS))
            keep = 1 - known / _ZEROS
            runs.arrived[s] = runs.arrived[s] * keep + known
            runs.zeros[s] = runs.zeros[s] * keep + known
            runs.zero_run[s] = 0
        runs.arrived[s] = runs.arrived[s] * (1 - 1 / _ZEROS) + 1
        runs.zeros[s] = runs.zeros[s] * (1 - 1 / _ZEROS)
        return 0.0
    share = (runs.zeros[s] + 1) / (runs.arrived[s] + 2)
    far = abs(expected) / (_FAR * scale)
    evidence = min(1 / (_RARE * share), far) if far >= 0 else 0.0
    runs.zero_run[s] += 1
    if runs.zero_run[s] == 1:
        runs.zero_odd[s] = evidence >= 1
    return evidence
