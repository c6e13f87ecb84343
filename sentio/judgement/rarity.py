"""How rare single samples are that are so strange: quantiles, and an exponential beyond the highest."""

from __future__ import annotations

import numpy as np

from sentio.compiled import part
from sentio.judgement.hours import PRIOR_PEAKS, PRIOR_USUAL
from sentio.judgement.track import QUANTILES, Track
from sentio.judgement.units import A_DAY, LEAST, MEAN_TO_SCALE, SOUND

RARE = 1 - QUANTILES[2]
"""Share of samples that are strange beyond all quantiles that are followed."""
_PRIOR_TAIL, _LEAST_TAIL = 0.1, 0.01
"""By how much single samples beyond the highest quantile exceed it on average: of Gaussian noise, and at least."""
_TAIL_CUT, _TAIL_RATE = 4.0, 0.02
"""Of that mean, too, an excess counts as so many times the mean at most, and as this part of it in the long run."""


@part
def pvalue(track: Track, s: int, strange: float) -> float:
    """Share of samples at least as strange: between the quantiles by interpolation, beyond them by an exponential."""
    q = track.quantiles[s]
    if strange <= LEAST:
        return 1.0
    if strange >= q[2]:
        return float(RARE * np.exp(-(strange - q[2]) / track.tail[s]))
    if strange >= q[1]:
        return float(0.1 - 0.08 * (strange - q[1]) / max(q[2] - q[1], 1e-12))
    if strange >= q[0]:
        return float(0.5 - 0.4 * (strange - q[0]) / max(q[1] - q[0], 1e-12))
    return float(1 - 0.5 * (strange - LEAST) / max(q[0] - LEAST, 1e-12))


@part
def learn_rarity(track: Track, s: int, step: int, side: int, strange: float, distance: float, flagged: bool) -> None:
    n = track.seen[s] + 1
    if track.seen[s] == 0:
        track.quantiles[s] = strange
        track.spread[s], track.tail[s] = 0.3, _PRIOR_TAIL
    rate = max(1 / n, 1 / (7 * A_DAY / step), 1e-4)
    track.spread[s] += max(rate, 1e-3) * (min(abs(strange - track.quantiles[s, 0]), 3.0) - track.spread[s])
    for i in range(2):
        p = QUANTILES[i]
        quick = 4 * track.spread[s] * max(min(0.5, 3 / n), rate)
        track.quantiles[s, i] += quick * (p if strange > track.quantiles[s, i] else p - 1)
    if n == SOUND:
        # The first samples are judged by what the model says, and one of them may be anything.
        track.spread[s] = min(track.spread[s], 0.3)
        track.quantiles[s, 2] = min(track.quantiles[s, 2], max(track.quantiles[s, 1], PRIOR_USUAL))
    if not flagged or track.quiet[s] > 0:
        # What is anomalous and lasts is no tail of what is usual; its first sample may be.
        _learn_tail(track, s, n, rate, strange)
    track.peak[s, side] = max(track.peak[s, side], strange)
    if distance >= 0:
        mean, count = track.novelty[s]
        least = distance if count < 5 else min(distance, 5 * MEAN_TO_SCALE * mean)
        track.novelty[s, 1] = count + 1
        track.novelty[s, 0] = mean + max(1 / (count + 1), min(0.2, step / (7 * A_DAY))) * (least - mean)


@part
def _learn_tail(track: Track, s: int, n: float, rate: float, strange: float) -> None:
    """Where the highest of the quantiles is, and by how much it is exceeded on average."""
    over, tail = strange - track.quantiles[s, 2], track.tail[s]
    # The fewer samples are as strange as that, the further must each of them move the quantile.
    quick = max(4 * track.spread[s] * max(min(0.5, 3 / n), rate), tail / RARE * min(rate, 0.003))
    track.quantiles[s, 2] += quick * (1 - RARE if over > 0 else -RARE)
    if over > 0 and strange > LEAST:
        # Of an exponential that is cut at `_TAIL_CUT` means, what is left of the mean.
        whole = min(over, _TAIL_CUT * tail) / (1 - np.exp(-_TAIL_CUT))
        tail += max(1 / (PRIOR_PEAKS + RARE * n), _TAIL_RATE) * (whole - tail)
        track.tail[s] = max(tail, _LEAST_TAIL)
