"""When an incident began: with the first anomalous sample, or before; and when it is another one: the compiled part."""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.evidence import NEVER, Evidence
from sentio.judgement.kinds import Kind
from sentio.judgement.memory import Memory, noise_at

_SPIKE, _TREND, _MISSING = int(Kind.SPIKE), int(Kind.TREND_BREAK), int(Kind.MISSING)

_BEYOND = 2.0
"""Scales of the noise: a deviation from which the incident is taken to have begun, once it was found anomalous."""
_NEAR = 0.3
"""Or, where that is more, this part of the first anomalous deviation."""
_TURNED_AFTER = 4
"""Samples to the other side that are another incident; one or two may be noise that was added."""
_TURNED = 12
"""Samples to one side before. What turns earlier may be the expected shape at another time, or a spread."""


@part
def onset(s: int, j: int, t: int, step: int, arrived: bool, found: Evidence, kept: Memory) -> int:
    """ns when what is found at ``t`` really began."""
    if not arrived:
        return int(min(found.gap_from[s, j], t)) if found.gap[s, j] > 0 else t
    if found.zeroed[s, j] >= 1:
        return t
    began = _beginning(s, t, step, kept)
    return int(min(began, found.equal_from[s, j])) if found.stuck[s, j] >= 1 else began


@part
def another_from(s: int, j: int, t: int, step: int, arrived: bool, found: Evidence, kept: Memory) -> int:
    """ns since when the open incident is another one, or `NEVER`: what was above is not there at all, zero or stands
    still, for the first time; what was missing is off for longer than that; or what was above is below."""
    if not arrived:
        return int(found.gap_from[s, j]) if kept.missed[s] == 0 and found.gap[s, j] > 0 else NEVER
    if found.zeroed[s, j] >= 1:
        return t if kept.zeroed[s] == 0 else NEVER
    if found.stuck[s, j] >= 1:
        return int(found.equal_from[s, j]) if kept.equal[s] == 0 else NEVER
    began = _beginning(s, t, step, kept)
    if kept.kind[s] == _MISSING:
        return began if kept.samples[s] >= kept.missed[s] else NEVER
    return began if _turned(s, began, t, step, kept) else NEVER


@part
def _turned(s: int, began: int, t: int, step: int, kept: Memory) -> bool:
    """Whether from ``began`` to ``t`` ns deviations are to the other side than most of the incident's were."""
    length = kept.deviation.shape[1]
    number, ours = 0, 0.0
    before, theirs = kept.samples[s], kept.total[s]
    for at in range(began // step, t // step + 1):
        deviation = np.float64(kept.deviation[s, at % length])
        if np.isfinite(deviation):
            number, ours = number + 1, ours + deviation
            if at * step <= kept.end[s]:
                before, theirs = before - 1, theirs - deviation
    one_sided = _SPIKE <= kept.kind[s] <= _TREND
    return one_sided and number >= _TURNED_AFTER and before >= _TURNED and ours * theirs < 0


@part
def _beginning(s: int, t: int, step: int, kept: Memory) -> int:
    """ns of the first of the deviations to the side of the one at ``t``, one smaller one between them allowed for."""
    length = kept.deviation.shape[1]
    slot = t // step
    now = np.float64(kept.deviation[s, slot % length]) / np.float64(kept.scale[s])
    side = 1.0 if now > 0 else -1.0
    # A far jump begins where it is far, not with noise that happened to be on the same side.
    beyond = max(_BEYOND, _NEAR * abs(now))
    began, smaller = 0, 0
    for k in range(1, length):
        at = (slot - k) % length
        if side * kept.deviation[s, at] > beyond * noise_at(s, at, kept):
            began, smaller = k, 0
        else:
            smaller += 1
        if smaller > 1:
            break
    return t - began * step
