"""What is remembered of incidents: the newest samples, and the incident itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sentio.compiled import kernel
from sentio.judgement.evidence import NEVER
from sentio.types import Array, Floats, Ints

LENGTH = 64
"""Steps whose samples are kept: 16 minutes at 15 s, an hour at one minute."""

_FINE = 0.03
"""Natural logarithm of what two scales of the noise are told apart by: one byte is enough for a factor of 45 around the
newest."""
A_DAY = 24
"""Hours whose means are kept."""

Bytes = npt.NDArray[np.int8]
Counts = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]


class Memory(NamedTuple):
    """Of ``S`` series: a ring of the last `LENGTH` steps, and the incident that is open, or else the last one.

    The step at ``t`` ns is in the column ``t // step % LENGTH``, so that nothing has to be moved. Single precision is
    enough: deviations are small beside values, and what is expected is kept as a difference.
    """

    pushed: Ints
    """``[S]`` ns of the newest step."""
    anchor: Floats
    """``[S]`` units: what ``forecast`` is counted from."""
    deviation: Singles
    """``[S, LENGTH]`` sample less its expected value; NaN where there was none."""
    forecast: Singles
    """``[S, LENGTH]`` expected value less ``anchor``."""
    noise: Bytes
    """``[S, LENGTH]`` scale of the noise: how many times `_FINE` its logarithm is, but for multiples of 256."""
    scale: Singles
    """``[S]`` the newest of them, units."""
    hours: Singles
    """``[S, 2, A_DAY]`` means of ``forecast`` and ``deviation``; the hour of ``t`` ns is in ``t // hour % A_DAY``."""
    open: Bytes
    kind: Bytes
    began: Ints
    """``[S]`` ns of the first sample that is judged for the kind."""
    onset: Ints
    """``[S]`` ns when it began, as far as its kind lets one say."""
    end: Ints
    """``[S]`` ns of the newest anomalous sample."""
    calm: Counts
    """``[S]`` samples that have arrived since."""
    samples: Counts
    """``[S]`` that arrived from ``began`` to ``end``; of them are ``total`` and ``base``."""
    total: Floats
    """``[S]`` sum of the deviations, units."""
    base: Floats
    """``[S]`` sum of what was expected less ``anchor``, units."""
    peak: Singles
    """``[S]`` the deviation that was largest beside its noise, signed, units."""
    peak_size: Floats
    """``[S]`` the same in scales of the noise, unsigned."""
    score: Floats
    missed: Counts
    """``[S]`` the longest run of steps without a sample."""
    flat: Counts
    """``[S]`` the longest run of equal values that was abnormal."""
    zeroed: Counts
    """``[S]`` abnormal zeros."""
    usual: Counts
    """``[S]`` how long such runs usually are, of the kind that was seen last."""
    level: Floats
    """``[S]`` newest value, units."""
    lag: Counts
    """``[S]`` steps by which a pattern is late; negative: early."""
    spread: Singles
    """``[S]`` of the deviations, in scales of the noise."""


def blank(series: int) -> dict[str, Array]:
    """The memory of ``series`` that have had no sample and no incident."""
    floats = {"anchor", "total", "base", "peak_size", "score", "level"}
    wholes = {"began", "onset", "end"}
    small = {"open", "kind"}
    arrays: dict[str, Array] = {
        "pushed": np.full(series, NEVER),
        **{name: np.full(series, np.nan, np.float32) for name in ("peak", "spread", "scale")},
        **{name: np.full((series, LENGTH), np.nan, np.float32) for name in ("deviation", "forecast")},
        "noise": np.zeros((series, LENGTH), np.int8),
        "hours": np.full((series, 2, A_DAY), np.nan, np.float32),
        **{name: np.full(series, np.nan) for name in floats},
        **{name: np.zeros(series, np.int64) for name in wholes},
        **{name: np.zeros(series, np.int8) for name in small},
    }
    return {name: arrays[name] if name in arrays else np.zeros(series, np.int32) for name in Memory._fields}


@kernel
def put_noise(s: int, at: int, scale: float, kept: Memory) -> None:
    """``scale`` of the noise into column ``at``, as the newest."""
    kept.scale[s] = scale
    kept.noise[s, at] = (round(np.log(kept.scale[s]) / _FINE) + 128) % 256 - 128


@kernel
def noise_at(s: int, at: int, kept: Memory) -> float:
    """Scale of the noise in column ``at``: of those that it may be, the nearest to the newest."""
    newest = round(np.log(np.float64(kept.scale[s])) / _FINE)
    return float(np.exp((newest + (kept.noise[s, at] - newest + 128) % 256 - 128) * _FINE))
