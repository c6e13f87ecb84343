"""Incidents: when something anomalous began, what kind it is, how large it was, and when it ended.

An incident opens with the first anomalous sample and closes after so many samples in a row that are not: short breaks
do not split it. While it is open its kind is judged anew with each anomalous sample, as more of its shape is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np

from sentio.compiled import kernel, part
from sentio.judgement import evidence as _evidence
from sentio.judgement import memory as _memory
from sentio.judgement.daily import name_shift, remember_hour
from sentio.judgement.evidence import NEVER, Evidence
from sentio.judgement.kinds import Kind
from sentio.judgement.memory import INCIDENT, Bytes, Counts, Memory, noise_at, put_noise
from sentio.judgement.onsets import another_from, onset
from sentio.judgement.shapes import name_kind
from sentio.types import Array, Bools, Floats, Ints

_SPIKE, _DIP, _VARIANCE = int(Kind.SPIKE), int(Kind.DIP), int(Kind.VARIANCE_CHANGE)
_FLAT, _MISSING = int(Kind.FLATLINE), int(Kind.MISSING)
_EARLY, _LATE = int(Kind.EARLY_PATTERN), int(Kind.LATE_PATTERN)

QUIET = 5
"""Samples in a row that are not anomalous end an incident."""
_LARGEST, _LEAST = 1e37, 1e-30
"""Deviations, scales and scores are cut off here, so that single precision holds them."""


class Samples(NamedTuple):
    """What the judge knows of ``m`` samples of ``S`` series, each ``[S, m]``."""

    values: Floats
    """Units; NaN where no sample arrived."""
    expected: Floats
    """Units: the model's own forecast, which does not follow a level shift; NaN where there is no model."""
    scale: Floats
    """Units: the noise of the residual, above 0."""
    anomalous: Floats
    """1 or 0; NaN where it was not judged. 1 without a value: the series should be there and is not."""
    score: Floats


class Incidents(NamedTuple):
    """The incident of each of ``S`` series that is open after each of ``m`` samples, or else the last one: ``[S, m]``.

    Before the first one ``kind`` is `Kind.NONE`, times are 0 and the other numbers NaN or 0.
    """

    open: Bools
    kind: Bytes
    """`Kind`; of one that has closed it does not change any more."""
    onset: Ints
    """ns; may be before the first anomalous sample."""
    end: Ints
    """ns of the newest anomalous sample."""
    size: Floats
    """Units, signed: the deviation at the peak of a spike or dip, of others on average; NaN where none arrived."""
    percent: Floats
    """``size`` in % of what was expected on average; NaN where that was about zero."""
    peak: Floats
    """Units, signed: the largest deviation beside its noise."""
    score: Floats
    """The largest."""
    samples: Counts
    """That arrived between onset and end."""
    run: Counts
    """Equal samples of a flatline, steps without a sample of what is missing; else 0."""
    usual: Counts
    """How long such a run usually is at most."""
    level: Floats
    """Units: the newest value in it."""
    lag: Counts
    """Steps by which a pattern is late; negative: early; else 0."""
    spread: Floats
    """Of the deviations, in scales of the noise; NaN but for a change of variance."""
    gone: Bools
    """No sample has arrived, and that is anomalous."""

    def duration(self, step: int) -> Ints:
        """``[S, m]`` ns: one sample lasts a ``step``; 0 where there has been no incident."""
        return np.where(self.kind == Kind.NONE, 0, self.end - self.onset + step)


def blank(series: int) -> dict[str, Array]:
    """The memory of ``series`` of which nothing is known, for `runs.take` and `follow`: arrays by name whose first
    axis is the series."""
    return {**_evidence.blank(series), **_memory.blank(series)}


def over(memory: Mapping[str, Array]) -> dict[str, Array]:
    """What of ``memory`` is another where the incidents that are open have ended with the newest sample."""
    incident = memory[INCIDENT].copy()
    incident["open"] = 0
    return {INCIDENT: incident}


def follow(
    memory: Mapping[str, Array], times: Ints, step: int, samples: Samples, evidence: Evidence, *, quiet: int = QUIET
) -> tuple[dict[str, Array], Incidents]:
    """The memory after ``samples`` at ``times [m]``, and the incidents of the series.

    ``times`` ns are ``step`` apart and later than any before, but where a clock was set back; where steps are left out
    nothing is known of them.
    ``evidence`` is what `runs.take` gave for the same samples. The memory that is given stays as it is, and the one
    returned holds what else is in it, too. Any cut in time gives the same bits.
    """
    after = np.array(memory[INCIDENT])
    incidents = Incidents._make(_made(name, samples.values.shape) for name in Incidents._fields)
    now = Samples(*(np.ascontiguousarray(a, np.float64) for a in samples))
    _follow(np.ascontiguousarray(times, np.int64), step, now, evidence, cast(Memory, after), quiet, incidents)
    return {**memory, INCIDENT: after}, incidents


def _made(name: str, shape: tuple[int, ...]) -> Array:
    kinds: dict[str, type] = {"open": np.bool_, "kind": np.int8, "onset": np.int64, "end": np.int64, "gone": np.bool_}
    wholes = ("samples", "run", "usual", "lag")
    return np.zeros(shape, np.int32 if name in wholes else kinds.get(name, np.float64))


@kernel
def _follow(times: Ints, step: int, now: Samples, found: Evidence, kept: Memory, quiet: int, into: Incidents) -> None:
    for s in range(len(now.values)):
        for j in range(len(times)):
            t, arrived = times[j], np.isfinite(now.values[s, j])
            remember_hour(s, t, step, now.values[s, j], now.expected[s, j], kept)
            _push(s, j, t, step, now, kept)
            _take(s, j, t, step, now, found, kept, quiet)
            if kept.open[s] and now.anomalous[s, j] == 1:
                name_kind(s, t, step, arrived, found.stuck[s, j], found.zeroed[s, j], kept)
            name_shift(s, t, step, kept)
            _describe(s, j, kept, into)
            into.gone[s, j] = now.anomalous[s, j] == 1 and not arrived


@part
def _take(s: int, j: int, t: int, step: int, now: Samples, found: Evidence, kept: Memory, quiet: int) -> None:
    """Open, prolong or close the incident with the sample at ``t``."""
    arrived = np.isfinite(now.values[s, j])
    if now.anomalous[s, j] == 1:
        if not kept.open[s]:
            _open(s, onset(s, j, t, step, arrived, found, kept), step, kept)
        else:
            another = another_from(s, j, t, step, arrived, found, kept)
            if another > kept.began[s]:
                _open(s, another, step, kept)
        _prolong(s, t, step, kept)
        kept.calm[s] = 0
        if not kept.score[s] >= now.score[s, j]:
            kept.score[s] = _cut(now.score[s, j])
        _count(s, j, arrived, found, kept)
    elif kept.open[s] and arrived:
        kept.calm[s] += 1
        kept.open[s] = kept.calm[s] < quiet
    if kept.open[s] and arrived and kept.end[s] == t:
        kept.level[s] = now.values[s, j]


@part
def _push(s: int, j: int, t: int, step: int, now: Samples, kept: Memory) -> None:
    """The sample at ``t`` into the ring, and NaN for the steps that were left out before it."""
    length = kept.deviation.shape[1]
    slot = t // step
    if kept.pushed[s] != NEVER:
        skipped = min((t - kept.pushed[s]) // step - 1, length)
        for k in range(1, skipped + 1):
            kept.deviation[s, (slot - k) % length] = np.nan
            kept.forecast[s, (slot - k) % length] = np.nan
        if skipped >= length and kept.open[s]:
            kept.open[s] = 0
    if t < kept.pushed[s]:
        # The clock was set back: nothing was the matter later than now.
        kept.began[s], kept.onset[s] = min(kept.began[s], t - step), min(kept.onset[s], t - step)
        kept.end[s] = min(kept.end[s], t - step)
    kept.pushed[s] = t
    expected, scale = now.expected[s, j], now.scale[s, j]
    at = slot % length
    kept.deviation[s, at], kept.forecast[s, at] = np.nan, np.nan
    if not (np.isfinite(expected) and scale > 0):
        return
    if np.isnan(kept.anchor[s]):
        kept.anchor[s] = expected
    kept.forecast[s, at] = _cut(expected - kept.anchor[s])
    put_noise(s, at, min(max(scale, _LEAST), _LARGEST), kept)
    if np.isfinite(now.values[s, j]):
        kept.deviation[s, at] = _cut(now.values[s, j] - expected)


@part
def _cut(x: float) -> float:
    return min(max(x, -_LARGEST), _LARGEST)


@part
def _open(s: int, began: int, step: int, kept: Memory) -> None:
    """A new incident, of which the sample at ``began`` ns is the first."""
    kept.open[s], kept.kind[s] = 1, 0
    kept.began[s], kept.onset[s] = began, began
    kept.end[s] = began - step
    kept.samples[s], kept.total[s], kept.expected[s] = 0, 0.0, 0.0
    kept.peak[s], kept.peak_size[s], kept.score[s] = np.nan, -1.0, np.nan
    kept.missed[s], kept.equal[s], kept.zeroed[s], kept.usual[s], kept.lag[s] = 0, 0, 0, 0, 0
    kept.level[s], kept.spread[s] = np.nan, np.nan


@part
def _prolong(s: int, t: int, step: int, kept: Memory) -> None:
    """The samples since the last anomalous one belong to the incident, too."""
    length = kept.deviation.shape[1]
    first = max(kept.end[s] + step, t - (length - 1) * step)
    for i in range(first // step, t // step + 1):
        at = i % length
        deviation, noise = np.float64(kept.deviation[s, at]), noise_at(s, at, kept)
        if np.isnan(deviation):
            continue
        kept.samples[s] += 1
        kept.total[s] += deviation
        kept.expected[s] += kept.forecast[s, at]
        if abs(deviation) / noise > kept.peak_size[s]:
            kept.peak[s], kept.peak_size[s] = deviation, abs(deviation) / noise
    kept.end[s] = t


@part
def _count(s: int, j: int, arrived: bool, found: Evidence, kept: Memory) -> None:
    """What speaks for a missing series, a flatline or a drop to zero."""
    if not arrived:
        kept.missed[s] = max(kept.missed[s], found.gap[s, j])
        kept.usual[s] = found.gap_usual[s, j]
        return
    if found.stuck[s, j] >= 1:
        kept.equal[s] = max(kept.equal[s], found.equal[s, j])
        kept.usual[s] = found.equal_usual[s, j]
    if found.zeroed[s, j] >= 1:
        kept.zeroed[s] += 1


@part
def _describe(s: int, j: int, kept: Memory, into: Incidents) -> None:
    """What is remembered, as others are to see it."""
    kind, number = kept.kind[s], max(kept.samples[s], 1)
    into.open[s, j], into.kind[s, j] = kept.open[s] != 0, kind
    into.onset[s, j], into.end[s, j] = kept.onset[s], kept.end[s]
    into.peak[s, j], into.score[s, j], into.level[s, j] = kept.peak[s], kept.score[s], kept.level[s]
    into.samples[s, j] = kept.samples[s]
    size = np.nan
    if kind in (_SPIKE, _DIP):
        size = np.float64(kept.peak[s])
    elif kept.samples[s] > 0:
        size = kept.total[s] / number
    base = abs(kept.anchor[s] + kept.expected[s] / number)
    into.size[s, j] = size
    # Beside nothing everything is infinitely large.
    into.percent[s, j] = 100 * size / base if 1e-6 * abs(size) < base else np.nan
    if kind in (_MISSING, _FLAT):
        into.run[s, j] = kept.missed[s] if kind == _MISSING else kept.equal[s]
        into.usual[s, j] = kept.usual[s]
    if kind in (_EARLY, _LATE):
        into.lag[s, j] = kept.lag[s]
    into.spread[s, j] = kept.spread[s] if kind == _VARIANCE else np.nan
