"""What is remembered of incidents: the newest samples, and the incident itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from sentio.compiled import kernel, part, record
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


class Memory(Protocol):
    """Of ``S`` series: a ring of the last `LENGTH` steps, and the incident that is open, or else the last one. An array
    of `RECORD`, of which each field is an array, as kernels read it.

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
    """``[S]`` that arrived from ``began`` to ``end``; of them are ``total`` and ``expected``."""
    total: Floats
    """``[S]`` sum of the deviations, units."""
    expected: Floats
    """``[S]`` sum of what was expected less ``anchor``, units."""
    peak: Singles
    """``[S]`` the deviation that was largest beside its noise, signed, units."""
    peak_size: Floats
    """``[S]`` the same in scales of the noise, unsigned."""
    score: Floats
    missed: Counts
    """``[S]`` the longest run of steps without a sample."""
    equal: Counts
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


INCIDENT = "incident"
"""In a state."""
RECORD = record(
    Memory,
    deviation=(LENGTH,),
    forecast=(LENGTH,),
    noise=(LENGTH,),
    hours=(2, A_DAY),
)
"""What `Memory` holds of one series."""


def blank(series: int) -> dict[str, Array]:
    """The memory of ``series`` that have had no sample and no incident."""
    memory = np.zeros(series, RECORD)
    memory["pushed"] = NEVER
    for name in RECORD.names or ():
        if RECORD[name].base.kind == "f":
            memory[name] = np.nan
    return {INCIDENT: memory}


@part
def put_noise(s: int, at: int, scale: float, kept: Memory) -> None:
    """``scale`` of the noise into column ``at``, as the newest."""
    kept.scale[s] = scale
    kept.noise[s, at] = (round(np.log(kept.scale[s]) / _FINE) + 128) % 256 - 128


@kernel
def noise_at(s: int, at: int, kept: Memory) -> float:
    """Scale of the noise in column ``at``: of those that it may be, the nearest to the newest."""
    newest = round(np.log(np.float64(kept.scale[s])) / _FINE)
    return float(np.exp((newest + (kept.noise[s, at] - newest + 128) % 256 - 128) * _FINE))
