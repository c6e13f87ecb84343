"""The score of the Numenta Anomaly Benchmark.

Lavin and Ahmad 2015, *Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark*; the weights of
the profiles are those of NAB 1.0 (config/profiles.json). Written from the published formulas. The windows are the runs
of labelled samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sentio.evaluation.measures import Track, runs
from sentio.types import Bools, Floats, Ints

_FAR = 3.0
"""Window widths behind a window from which a false alarm has its full weight."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a window caught, a false alarm and a window missed weigh."""

    tp: float
    fp: float
    fn: float


PROFILES = MappingProxyType(
    {
        "standard": Profile(tp=1.0, fp=0.11, fn=1.0),
        "reward_low_FP": Profile(tp=1.0, fp=0.22, fn=1.0),
        "reward_low_FN": Profile(tp=1.0, fp=0.11, fn=2.0),
    }
)


def scaled_sigmoid(position: Floats) -> Floats:
    """2/(1 + e^5y) − 1 at ``position``: −1 at a window's left edge, 0 at its right edge; −1 from 3 on."""
    with np.errstate(over="ignore"):
        value = 2 / (1 + np.exp(5 * np.minimum(position, _FAR))) - 1
    return np.asarray(np.where(position >= _FAR, -1.0, value))


def weights(labels: Ints) -> tuple[Floats, Ints]:
    """``[n]``: what an alarm at each sample is worth before a profile weighs it, 1 at the first sample of a window down
    to −1 far behind one; and the number of its window, −1 outside all."""
    position = np.full(len(labels), _FAR)
    window = np.full(len(labels), -1, np.int64)
    begin, end = runs(labels)
    index = np.arange(len(labels))
    following = np.append(begin[1:], len(labels))
    for number, (first, last, until) in enumerate(zip(*(a.tolist() for a in (begin, end, following)), strict=False)):
        width = last - first + 1
        # What lies behind counts from the window before it, so up to the next one.
        behind = slice(last + 1, until)
        position[behind] = (index[behind] - last) / (width - 1) if width > 1 else _FAR
        position[first : last + 1] = -(last - index[first : last + 1] + 1) / width
        window[first : last + 1] = number
    value = scaled_sigmoid(position)
    value[window >= 0] /= scaled_sigmoid(np.array(-1.0))
    return value, window


def nab_scores(tracks: Sequence[Track]) -> dict[str, float]:
    """By profile: 0 as a detector that says nothing, 100 as one that finds each window at its start and nothing else.

    The threshold is the best one for all ``tracks`` together, one for each profile, as NAB optimises it. NaN where
    there is no window.
    """
    parts = [weights(t.labels) for t in tracks]
    counts = np.array([int(window.max(initial=-1)) + 1 for _, window in parts], dtype=np.int64)
    windows = int(counts.sum())
    if not windows:
        return dict.fromkeys(PROFILES, float("nan"))
    offsets = np.cumsum(counts) - counts
    value = np.concatenate([v for v, _ in parts])
    window = np.concatenate([np.where(w >= 0, w + o, -1) for (_, w), o in zip(parts, offsets.tolist(), strict=True)])
    score = np.nan_to_num(np.concatenate([t.score for t in tracks]), nan=0.0)
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.diff(score[order]) != 0, True)  # a threshold has all that is equal to it
    return {
        name: _normalised(value[order], window[order], ends, windows, profile) for name, profile in PROFILES.items()
    }


def _normalised(value: Floats, window: Ints, ends: Bools, windows: int, profile: Profile) -> float:
    """The best threshold's score, over samples in falling order of their own."""
    gain = profile.fp * value
    order = np.argsort(window, kind="stable")
    edges = np.searchsorted(window[order], np.arange(windows + 1))
    for first, behind in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        at = order[first:behind]
        # Of a window the best alarm counts, in place of the miss that it is until then.
        best = np.maximum.accumulate(np.concatenate([[-profile.fn], profile.tp * value[at]]))
        gain[at] = np.diff(best)
    null, perfect = -profile.fn * windows, profile.tp * windows
    total = np.concatenate([[null], null + np.cumsum(gain)[ends]])
    return float(100 * (total.max() - null) / (perfect - null))
